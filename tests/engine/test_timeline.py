"""The times of a run: what came last before each change, what it waited for, and the critical path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipectl.clock import Wait
from pipectl.engine.executor import Executor
from pipectl.engine.model import Action, Change
from pipectl.engine.timeline import Outcome, Span, Timeline
from pipectl.errors import CancelledError
from tests.engine.fakes import OWNERSHIP, denied
from tests.engine.shop import Shop, consistency
from tests.support import FakeClock


def span(key: str, start: float, end: float, after: str | None = None) -> Span:
    return Span(Change(key, "fake", key, Action.CREATE), start, end, after=after)


def timeline_of(shop: Shop) -> Timeline:
    """Create the resources of a shop one after the other; each write takes a second."""
    clock = FakeClock()
    before = shop.account.before_write

    def write(text: str) -> None:
        clock.sleep(1)
        before(text)

    @contextmanager
    def waits() -> Iterator[list[Wait]]:
        yield [Wait("the role", 2.0), Wait("the table", 1.0), Wait("the role", 0.5)]

    shop.account.before_write = write
    return (
        Executor(OWNERSHIP, consistency(), now=clock.monotonic, waits=waits)
        .execute_plan(shop.resources, shop.plan())
        .timeline
    )


def test_each_span_names_the_need_that_was_ready_last_and_sums_its_waits() -> None:
    spans = {each.resource: each for each in timeline_of(Shop()).spans}
    assert {key: each.after for key, each in spans.items() if key in ("role", "table", "log-group")} == {
        "role": None,
        "table": None,
        "log-group": None,
    }
    for key, needs in {"function": {"role", "log-group"}, "mapping": {"table", "function"}}.items():
        latest = max(needs, key=lambda need: spans[need].ready or 0)
        assert (spans[key].after, spans[key].start >= (spans[latest].ready or 0)) == (latest, True)
    assert spans["alarm"].after == "function"
    assert spans["role"].waits == (Wait("the role", 2.5), Wait("the table", 1.0))
    assert all(each.start < (each.ready or 0) < each.end for each in spans.values())


def test_resources_that_are_kept_have_no_span_and_are_looked_through() -> None:
    shop = Shop()
    shop.up()
    shop.account.things["dev-role-backend"].attributes["size"] = 7
    shop.account.things["dev-mapping-backend"].attributes["size"] = 7
    spans = {each.resource: each for each in timeline_of(shop).spans}
    assert {key: each.after for key, each in spans.items()} == {"role": None, "mapping": "role"}


def test_failed_changes_and_those_that_were_not_started_are_named() -> None:
    shop = Shop()

    def fail(write: str) -> None:
        if write == "create function":
            raise denied("function")
        if write == "create table":
            raise CancelledError("interrupted")

    shop.account.before_write = fail
    found = timeline_of(shop)
    outcomes = {each.resource: each.outcome for each in found.spans if each.outcome is not Outcome.DONE}
    assert outcomes == {"function": Outcome.FAILED, "table": Outcome.INTERRUPTED}
    assert found.not_started == {"alarm": ("function",), "mapping": ("function", "table")}


def test_the_critical_path_ends_with_the_change_that_ended_last() -> None:
    spans = (
        span("role", 0, 2),
        span("table", 0, 9),
        span("function", 2, 12, "role"),
        span("alarm", 12, 13, "function"),
    )
    found = Timeline((*spans, span("mapping", 12, 15, "function")))
    assert [each.resource for each in found.critical_path()] == ["role", "function", "mapping"]
    assert found.seconds == 15
    assert Timeline().critical_path() == ()
