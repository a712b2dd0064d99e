"""The results of `replay-dlq`."""

from __future__ import annotations

from pathlib import Path

from pipectl.commands.replay_dlq import Preview, SaveReport
from pipectl.failures.model import UNRESOLVED, ReplayStatus
from pipectl.failures.outcomes import ReplayReport
from pipectl.output.console import Screen
from pipectl.output.records import keys_shown
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_MOST_SHOWN = 20
_ALARM = "Records that fail again count towards the errors alarm."
_NOTHING = "Nothing to replay: no failure is open."


def preview(screen: Screen, found: Preview) -> None:
    """Print the result of `replay-dlq --dry-run`."""
    if screen.json_output:
        screen.document(_preview_document(found))
        return
    for line in _preview_lines(found):
        screen.line(line)


def before_asking(screen: Screen, found: Preview) -> None:
    screen.notice((line,) for line in [*_preview_lines(found), _ALARM])


def warn_of_alarm(screen: Screen) -> None:
    """Print the warning where nobody is asked."""
    screen.note(_ALARM)


def saved(screen: Screen, report: SaveReport, folder: Path) -> None:
    """Print the result of `replay-dlq --save`."""
    if screen.json_output:
        screen.document({"saved": report.failures, "records": report.records, "incomplete": report.incomplete})
        return
    screen.line(f"{pluralize(report.records, 'record')} of {pluralize(report.failures, 'failure')} saved in {folder}.")
    for audit_id in report.incomplete:
        screen.line(f"! {audit_id}: some of its records are no longer available")


def result(screen: Screen, report: ReplayReport) -> None:
    """Print the result of a replay."""
    if screen.json_output:
        screen.document(_document(report))
        return
    if report.audited:
        screen.line(f"{pluralize(report.audited, 'message')} of the dead-letter queue audited first.")
    if not report.total and not report.claimed_elsewhere:
        screen.line(_NOTHING)
        return
    for each in report.failing[:_MOST_SHOWN]:
        screen.line(("! ", "red"), f"{keys_shown(each.keys)} record {each.sequence_number}: {each.error}")
    if report.still_failing > _MOST_SHOWN:
        screen.line(f"! and {report.still_failing - _MOST_SHOWN} more; `pipectl audit list` shows them")
    for error in report.errors[:_MOST_SHOWN]:
        screen.line(("! ", "red"), error)
    statuses = ", ".join(f"{count} {status}" for status in ReplayStatus if (count := report.statuses.get(status, 0)))
    screen.line(
        f"{pluralize(report.total, 'failure')}: {statuses or 'none'}. {pluralize(report.replayed, 'record')} replayed, "
        f"{report.still_failing} still failing."
    )
    if report.claimed_elsewhere:
        failures = pluralize(report.claimed_elsewhere, "failure")
        screen.line(f"{failures} claimed by another replay; claims expire within minutes.")


def _preview_lines(found: Preview) -> list[str]:
    if not found.failures and not found.waiting_in_queue:
        return [_NOTHING]
    failures = f"{found.failures:,} or more open failures" if found.more else pluralize(found.failures, "open failure")
    lines = [f"{failures}."]
    lines += [
        f"  {count} {failure_type}" for failure_type, count in sorted(found.by_type.items(), key=lambda pair: -pair[1])
    ]
    if found.waiting_in_queue:
        messages = pluralize(found.waiting_in_queue, "message")
        lines.append(f"About {messages} in the dead-letter queue will be audited first.")
    if found.first_to_expire:
        lines.append(f"The first of their records expires from the stream at {rfc3339(found.first_to_expire)}.")
    return lines


def _preview_document(found: Preview) -> dict[str, object]:
    return {
        "dryRun": True,
        "failures": {str(status): found.by_status.get(status, 0) for status in UNRESOLVED},
        "more": found.more,
        "byType": found.by_type,
        "waitingInQueue": found.waiting_in_queue,
        "firstToExpire": found.first_to_expire,
    }


def _document(report: ReplayReport) -> dict[str, object]:
    return {
        "failures": {str(status): report.statuses.get(status, 0) for status in ReplayStatus},
        "records": {"replayed": report.replayed, "failing": report.still_failing},
        "failing": report.failing,
        "expired": report.expired,
        "errors": report.errors,
        "claimedElsewhere": report.claimed_elsewhere,
        "audited": report.audited,
    }
