"""Functions that are called at the same time, within one visit."""

from __future__ import annotations

import threading

import pytest

from pipectl.engine.parallel import at_once, current
from pipectl.errors import PipectlError
from tests.support import PATIENCE


def test_functions_are_called_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=PATIENCE)
    with at_once() as start:
        waiting = [start(together.wait) for _ in range(3)]
    assert sorted(each() for each in waiting) == [0, 1, 2]


def test_an_error_is_raised_where_the_value_is_used_after_all_have_finished() -> None:
    finished = threading.Event()

    def fail() -> None:
        raise PipectlError("denied")

    with at_once() as start:
        failing, other = start(fail), start(finished.set)
    assert finished.is_set()
    assert other() is None
    with pytest.raises(PipectlError, match="denied"):
        failing()


def test_they_work_on_the_key_of_the_visit() -> None:
    token = current.set("bucket")
    try:
        with at_once() as start:
            key = start(current.get)
        assert key() == "bucket"
    finally:
        current.reset(token)
