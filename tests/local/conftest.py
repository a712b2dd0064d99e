from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.small_pipeline import running


@pytest.fixture(autouse=True)
def no_pipeline_outlives_its_test() -> Iterator[None]:
    yield
    while running:
        running.pop().stop()
