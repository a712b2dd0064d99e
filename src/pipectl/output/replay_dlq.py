"""Output of `replay-dlq`."""

from __future__ import annotations

from pathlib import Path

from pipectl.commands.replay_dlq import Preview, SaveReport
from pipectl.failures.model import CLOSES_IT, UNRESOLVED, ReplayStatus
from pipectl.failures.outcomes import ReplayReport
from pipectl.output.console import Screen
from pipectl.output.records import keys_shown
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_MOST_SHOWN = 20
_OUTCOMES = tuple(status for status in ReplayStatus if status is not ReplayStatus.RESOLVED)
_ALARM = "Records that fail again count towards the errors alarm."
_NOTHING = "Nothing to replay: no unresolved failures."
_COUNTS = "Counts of the dead-letter queue can be a minute old."


def preview(screen: Screen, found: Preview) -> None:
    """Print the result of `replay-dlq --dry-run`."""
    if screen.json_output:
        screen.document(_preview_document(found))
        return
    for line in [*_preview_lines(screen, found), _COUNTS]:
        screen.line(line)


def before_asking(screen: Screen, found: Preview) -> None:
    screen.notice((line,) for line in [*_preview_lines(screen, found), _ALARM])


def warn_of_alarm(screen: Screen) -> None:
    """Print the warning when there is no confirmation."""
    screen.note(_ALARM)


def saved(screen: Screen, report: SaveReport, folder: Path) -> None:
    """Print the result of `replay-dlq --save`."""
    if screen.json_output:
        screen.document(
            {
                "saved": report.failures,
                "records": report.records,
                "incomplete": report.incomplete,
                "waitingForAuditor": report.waiting,
            }
        )
        return
    screen.line(f"{pluralize(report.records, 'record')} of {pluralize(report.failures, 'failure')} saved in {folder}.")
    for each in report.incomplete:
        screen.line(("! ", "red"), f"{each.audit_id}: {each.reason}")
    if report.waiting:
        screen.line(("! ", "red"), f"{_waiting(report.waiting)} and {_is(report.waiting)} not saved.")


def result(screen: Screen, report: ReplayReport) -> None:
    """Print the result of a replay."""
    if screen.json_output:
        screen.document(_document(report))
        return
    if report.audited:
        screen.line(f"{pluralize(report.audited, 'message')} of the dead-letter queue audited first.")
    if not report.total and not report.left:
        screen.line(_NOTHING)
        return
    _problems(screen, report)
    if report.total:
        screen.line(_summary(report))
    if report.unreplayable:
        never = f"{pluralize(report.unreplayable, 'failure')} can never be replayed, for the reason shown"
        screen.line(screen.completed(f"{never}; {CLOSES_IT}."))
    if report.waiting:
        screen.line(
            screen.completed(
                f"{_waiting(report.waiting)}; run the same command again later. See `pipectl logs auditor`."
            )
        )
    if report.claimed_elsewhere:
        failures = pluralize(report.claimed_elsewhere, "failure")
        screen.line(f"{failures} claimed by another replay; claims expire within minutes.")


def _problems(screen: Screen, report: ReplayReport) -> None:
    for each in report.failing[:_MOST_SHOWN]:
        screen.line(("! ", "red"), f"{keys_shown(each.keys)} record {each.sequence_number}: {each.error}")
    if report.still_failing > _MOST_SHOWN:
        screen.line(
            f"! and {report.still_failing - _MOST_SHOWN} more; {screen.completed('`pipectl audit list` shows them')}"
        )
    for error in report.errors[:_MOST_SHOWN]:
        screen.line(("! ", "red"), error)


def _summary(report: ReplayReport) -> str:
    statuses = ", ".join(f"{count} {status}" for status in ReplayStatus if (count := report.statuses.get(status, 0)))
    replayed = pluralize(report.replayed, "record")
    return (
        f"{pluralize(report.total, 'failure')}: {statuses}. {replayed} replayed, {report.still_failing} still failing."
    )


def _preview_lines(screen: Screen, found: Preview) -> list[str]:
    if not found.failures and not found.waiting_in_queue:
        return [f"{_waiting(found.in_flight)}." if found.in_flight else _NOTHING]
    noun = "unresolved failure"
    lines = [f"{found.failures:,} or more {noun}s." if found.more else f"{pluralize(found.failures, noun)}."]
    lines += [
        f"  {count} {failure_type}" for failure_type, count in sorted(found.by_type.items(), key=lambda pair: -pair[1])
    ]
    if found.unreplayable:
        see = screen.completed(f"see `pipectl audit list`; {CLOSES_IT}")
        lines.append(f"{pluralize(found.unreplayable, 'failure')} can never be replayed; {see}.")
    if found.in_flight:
        lines.append(f"{_waiting(found.in_flight)}.")
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
        "unreplayable": found.unreplayable,
        "waitingInQueue": found.waiting_in_queue,
        "waitingForAuditor": found.in_flight,
        "firstToExpire": found.first_to_expire,
    }


def _document(report: ReplayReport) -> dict[str, object]:
    return {
        "failures": {str(status): report.statuses.get(status, 0) for status in _OUTCOMES},
        "records": {"replayed": report.replayed, "failing": report.still_failing},
        "failing": report.failing,
        "expired": report.expired,
        "errors": report.errors,
        "claimedElsewhere": report.claimed_elsewhere,
        "unreplayable": report.unreplayable,
        "audited": report.audited,
        "waitingForAuditor": report.waiting,
    }


def _waiting(count: int) -> str:
    return f"{pluralize(count, 'failure')} {'waits' if count == 1 else 'wait'} for the auditor"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
