"""The screens of `audit`, and the hint of `audit list` for the next page."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.audit import AuditEntry, AuditPage, AuditSummary, ExpiryClock
from pipectl.failures.audit_table import Selection
from pipectl.failures.explanation import CauseGroup, Explanation, Safety
from pipectl.failures.model import Failure
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.output import audit
from pipectl.output.console import Screen
from tests.cli.commands import parse
from tests.output.samples import samples_of
from tests.output.screens import on_terminal, printed

ITEM = {"auditId": "e767182", "timestamp": "2026-01-31T08:00:00.000Z", "replayStatus": "REPLAYED"}
SINCE = datetime(2026, 1, 30, 8, tzinfo=UTC)
UNTIL = datetime(2026, 1, 31, 12, tzinfo=UTC)


def _page(token: str | None) -> AuditPage:
    explanation = Explanation(Failure(ITEM), (), None, at_most=False, safety=Safety.UNKNOWN, until=None)
    return AuditPage((AuditEntry(explanation, ExpiryClock(None, None, False, False)),), token, UNTIL)


def _hint(selection: Selection, limit: int) -> str:
    text = printed(lambda screen: audit.page(screen, _page("dG9rZW4"), selection, limit))
    (command,) = re.findall(r"`pipectl ([^`]+)`", text)
    assert parse(shlex.split(command)) == ("audit", "list")
    return str(command)


def test_the_next_page_has_the_same_selection() -> None:
    selection = Selection(SINCE, UNTIL, ("RecordAgeExceeded", "Other"), (ReplayStatus.OPEN, ReplayStatus.FAILED))
    assert _hint(selection, 5) == (
        "audit list --type RecordAgeExceeded --type Other --status OPEN --status FAILED "
        "--since 2026-01-30T08:00:00Z --until 2026-01-31T12:00:00Z --limit 5 --page dG9rZW4"
    )


def test_the_next_page_of_all_unresolved_failures_has_no_time_and_no_status() -> None:
    assert _hint(Selection(statuses=UNRESOLVED), 20) == "audit list --limit 20 --page dG9rZW4"


@pytest.mark.parametrize("limit", [1, 20])
def test_options_that_were_not_given_are_not_repeated_except_the_start(limit: int) -> None:
    """The start is the default's age before now, which would be another time for the next page."""
    assert _hint(Selection(SINCE), limit) == f"audit list --since 2026-01-30T08:00:00Z --limit {limit} --page dG9rZW4"


SAMPLES = samples_of("audit")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_a_reason_is_written_once_for_rows_below_each_other_on_a_terminal_and_in_each_row_of_a_file() -> None:
    page = _page(None)
    long = replace(page.entries[0].explanation, reason="InvalidOrderError: amount")
    other = replace(long, reason="InvalidOrderError: no amount")
    rows = tuple(replace(page.entries[0], explanation=each) for each in (long, long, long, other, long))

    def show(screen: Screen) -> None:
        audit.page(screen, replace(page, entries=rows), Selection(SINCE), 20)

    reasons = ["amount", "same", "same", "amount", "amount"]
    assert [line.split()[-1] for line in on_terminal(show, 80) if line.startswith("e767182")] == reasons
    assert [line.split()[-1] for line in printed(show).splitlines() if line.startswith("e767182")] == ["amount"] * 5


def test_a_list_that_counts_fewer_failures_than_there_are_names_the_command_that_counts_all(
    snapshot: SnapshotAssertion,
) -> None:
    (entry,) = _page(None).entries
    opened = Failure({**ITEM, "replayStatus": "OPEN"})
    failed = replace(entry.explanation, failure=opened, reason="InvalidOrderError: amount", safety=Safety.QUARANTINED)
    summary = AuditSummary(
        200, more=True, first=None, newest=SINCE, causes=(CauseGroup(str(failed.reason), 200, ("o-1",), (failed,)),)
    )
    found = replace(_page("dG9rZW4"), entries=(replace(entry, explanation=failed),), summary=summary)
    assert printed(lambda screen: audit.page(screen, found, Selection(statuses=UNRESOLVED), 20)) == snapshot
