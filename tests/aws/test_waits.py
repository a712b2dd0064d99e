"""Waits and counts that are shown while they last."""

from __future__ import annotations

from pipectl.aws.waits import Portion, counted, shown
from tests.support import FakeClock


def test_one_wait_replaces_the_other_and_ends_with_the_block() -> None:
    seen: list[str | Portion | None] = []
    with shown(seen.append, FakeClock()) as show:
        show("the role")
        show("the table")
    assert seen == ["the role", None, "the table", None]


def test_a_block_that_never_waits_shows_nothing() -> None:
    seen: list[str | Portion | None] = []
    with shown(seen.append, FakeClock()):
        pass
    assert seen == []


def test_a_portion_is_shown_at_once_and_said_every_five_seconds() -> None:
    clock = FakeClock()
    seen: list[str | Portion | None] = []
    said: list[str] = []
    with counted(seen.append, said.append, clock) as show:
        for done in range(10, 70, 10):
            clock.sleep(2)
            show(Portion(done, 60, "object", "deleted", more=done < 40))
    portions = [each for each in seen if isinstance(each, Portion)]
    assert [(each.done, each.seconds) for each in portions] == [(n, n / 5) for n in range(10, 70, 10)]
    assert seen[-1] is None
    assert said == ["30 of at least 60 objects deleted", "60 of 60 objects deleted"]
