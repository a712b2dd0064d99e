"""Tests that need the public registries."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from pipectl.errors import PackageError, PackageProblem

T = TypeVar("T")


def online(install: Callable[[], T]) -> T:
    """Return the result of an installation. Without a network the test is skipped, except in CI, which has one."""
    try:
        return install()
    except PackageError as error:
        if error.problem is PackageProblem.NO_NETWORK and not os.environ.get("CI"):
            pytest.skip("no network")
        raise
