from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run Chromium for the tests of this folder, which one process runs.

    It ends before other tests begin: while it runs, its event loop is that of the thread.
    """
    with chromium.launched(chromium.require(os.environ)) as running:
        yield running
