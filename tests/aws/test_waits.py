"""Waits and counts that are shown while they last."""

from __future__ import annotations

from pipectl.aws.waits import counted, shown
from tests.support import FakeClock


def test_one_wait_replaces_the_other_and_ends_with_the_block() -> None:
    seen: list[str | None] = []
    with shown(seen.append, FakeClock()) as show:
        show("the role")
        show("the table")
    assert seen == ["the role", None, "the table", None]


def test_a_block_that_never_waits_shows_nothing() -> None:
    seen: list[str | None] = []
    with shown(seen.append, FakeClock()):
        pass
    assert seen == []


def test_a_count_is_shown_at_once_and_said_every_five_seconds() -> None:
    clock = FakeClock()
    seen: list[str | None] = []
    said: list[str] = []
    with counted(seen.append, said.append, clock, lambda count: f"{count} deleted") as add:
        for _ in range(6):
            clock.sleep(2)
            add(10)
    assert [each for each in seen if each] == [f"{count} deleted" for count in range(10, 70, 10)]
    assert seen[-1] is None
    assert said == ["30 deleted", "60 deleted"]
