"""A failure of Friday on Monday: listed, counted and replayable. Failures that are done make no call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipectl.commands.audit import audit_list, audit_show
from pipectl.commands.replay_dlq import preview, replay
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.monitoring.unresolved import read_unresolved
from tests.commands.audit_items import audit_item
from tests.failures.commanding import context, yes
from tests.failures.fakes import Process, World
from tests.support import Recorder

AUDIT = TableFacts("arn", filled=True)
WEEKEND = timedelta(hours=62)
DONE = [status for status in ReplayStatus if status not in UNRESOLVED]


@pytest.fixture
def monday() -> World:
    """Return a pipeline on which a quarantined order failed on Friday, and nobody looked."""
    world = World()
    (number,) = world.orders(1)
    world.quarantine(number)
    world.give_up(number)
    world.clock.sleep(WEEKEND.total_seconds())
    world.trim()
    return world


def test_a_failure_of_friday_is_listed_counted_and_replayable_on_monday(monday: World) -> None:
    ((audit_id, _),) = monday.audit
    (entry,) = audit_list(context(Process(monday)), UNRESOLVED_ONES).entries
    (shown,) = audit_show(context(Process(monday)), audit_id[:7])
    assert (entry.failure.audit_id, shown.entry.failure.audit_id) == (audit_id, audit_id)
    assert read_unresolved(context(Process(monday)), AUDIT).count == 1
    assert preview(context(Process(monday)), Selection()).failures == 1
    report = replay(context(Process(monday)), Selection(), yes)
    assert (report.replayed, monday.status(audit_id)) == (1, "REPLAYED")
    assert audit_list(context(Process(monday)), UNRESOLVED_ONES).entries == ()
    assert read_unresolved(context(Process(monday)), AUDIT).count == 0
    assert preview(context(Process(monday)), Selection()).failures == 0


@pytest.mark.parametrize(
    "run", [preview, lambda context, chosen: replay(context, chosen, yes)], ids=["preview", "replay"]
)
def test_a_replay_without_the_index_reports_that_failures_can_be_missing(monday: World, run: Any) -> None:
    monday.indexes.pop("unresolved-index")
    here = context(Process(monday))
    run(here, Selection())
    assert isinstance(here.reporter, Recorder)
    assert "older than 48 h may be missing" in here.reporter.notes[0]
    run(here, Selection(monday.clock.now() - timedelta(days=7)))
    assert len(here.reporter.notes) == 1


def test_ten_thousand_failures_that_are_done_cost_status_and_audit_list_no_call(monday: World) -> None:
    calls: list[list[list[str]]] = []
    for count in (0, 10_000):
        for number in range(count):
            at = monday.clock.now() - timedelta(hours=49 + number)
            item = audit_item(f"{number:032}", at, status=DONE[number % len(DONE)])
            monday.audit[item["auditId"]["S"], item["timestamp"]["S"]] = item
        status, listing = Process(monday), Process(monday)
        assert read_unresolved(context(status), AUDIT).count == 1
        assert len(audit_list(context(listing), UNRESOLVED_ONES).entries) == 1
        calls.append([status.calls, listing.calls])
    assert calls[0] == calls[1]
    assert calls[0][0].count("Query") == 5
