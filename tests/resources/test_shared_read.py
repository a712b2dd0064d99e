"""Reads that several resources share: each user gets an answer once, and nobody gets one from before a change."""

from __future__ import annotations

import itertools

import pytest

from pipectl.resources.shared_read import SharedRead


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
