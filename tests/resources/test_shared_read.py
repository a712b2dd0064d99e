"""Reads that several resources share: each user gets an answer once, and nobody gets one from before a change."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pipectl.errors import AccessDeniedError, AwsError, ExistsError
from pipectl.resources.shared_read import SharedRead
from tests.support import PATIENCE


def counting() -> SharedRead[int]:
    """Return a read that answers with 1, 2, 3."""
    numbers = itertools.count(1)
    return SharedRead(lambda: next(numbers))


def test_users_share_an_answer_that_none_of_them_had() -> None:
    shared = counting()
    assert [shared.get(user) for user in ("a", "b", "c")] == [1, 1, 1]


def test_a_second_look_of_a_user_asks_again_for_all() -> None:
    shared = counting()
    assert [shared.get(user) for user in ("a", "b", "b", "a", "c", "a")] == [1, 1, 2, 2, 2, 3]


def test_after_a_change_everybody_asks_again() -> None:
    shared = counting()
    shared.get("a")
    shared.expire()
    assert [shared.get(user) for user in ("b", "a")] == [2, 2]


def test_a_read_that_fails_is_no_answer() -> None:
    answers: list[object] = [ValueError("late"), 1]

    def read() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    shared = SharedRead(read)
    with pytest.raises(ValueError, match="late"):
        shared.get("a")
    assert shared.get("a") == shared.get("b") == 1


def test_after_a_change_that_failed_everybody_asks_again() -> None:
    shared = counting()
    shared.get("a")
    with pytest.raises(ExistsError), shared.changing():
        raise ExistsError("exists", service="logs", operation="CreateLogGroup")
    assert [shared.get(user) for user in ("b", "a")] == [2, 2]


class Slow:
    """A read that waits until its first users wait, and then answers with the number of the read, or fails."""

    def __init__(self, error: AwsError | None = None) -> None:
        self.reads = 0
        self.error = error
        self.begun = threading.Event()
        self.end = threading.Event()
        self.shared = SharedRead(self._read)
        self.threads: list[int] = []

    def _read(self) -> int:
        self.reads += 1
        number = self.reads
        if number == 1:
            self.begun.set()
            assert self.end.wait(PATIENCE)
            if self.error:
                raise self.error
        return number

    def get(self, user: str) -> int:
        self.threads.append(threading.get_ident())
        return self.shared.get(user)


def start(pool: ThreadPoolExecutor, slow: Slow, user: str) -> Future[int]:
    """Let a user look in a thread; return once the thread waits."""
    known = len(slow.threads)
    looking = pool.submit(slow.get, user)
    await_that(lambda: len(slow.threads) > known)
    await_that(lambda: sys._current_frames()[slow.threads[known]].f_code.co_name == "wait")
    return looking


def await_that(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    assert any(holds() or pause.wait(0.001) for _ in range(int(PATIENCE * 1000)))


def test_users_that_look_while_it_is_read_get_its_error_each_its_own() -> None:
    slow = Slow(AccessDeniedError("denied", service="cloudwatch", operation="DescribeAlarms", aws_code="AccessDenied"))
    with ThreadPoolExecutor(3) as pool:
        looking = [start(pool, slow, user) for user in ("a", "b", "c")]
        slow.end.set()
        errors = [each.exception(PATIENCE) for each in looking]
    assert slow.reads == 1
    assert len(set(map(id, errors))) == 3
    for error in errors:
        assert isinstance(error, AccessDeniedError)
        assert (error.message, error.args, error.aws_code) == ("denied", ("denied",), "AccessDenied")
    assert slow.shared.get("b") == 2


def test_after_a_change_nobody_gets_the_answer_of_a_read_that_began_before() -> None:
    slow = Slow()
    with ThreadPoolExecutor(2) as pool:
        early = start(pool, slow, "a")
        slow.shared.expire()
        late = pool.submit(slow.get, "b")
        assert late.result(PATIENCE) == 2
        slow.end.set()
        assert early.result(PATIENCE) == 1
    assert slow.shared.get("c") == 2


def test_a_user_that_looks_again_while_it_is_read_does_not_wait_for_that_answer() -> None:
    slow = Slow()
    with ThreadPoolExecutor(2) as pool:
        early = start(pool, slow, "a")
        assert slow.shared.get("a") == 2
        slow.end.set()
        assert early.result(PATIENCE) == 1
    assert slow.shared.get("b") == 2
