"""How logs, failures and replays are told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.text import Text

from pipectl.commands.logs import LogLine
from pipectl.commands.replay_dlq import Preview, SaveReport
from pipectl.failures.invoking import Failing
from pipectl.failures.model import ReplayStatus
from pipectl.failures.replaying import ReplayReport
from pipectl.output.console import Screen
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339, rfc3339_milliseconds

_FUNCTION_LOOK = {"processor": "cyan", "auditor": "magenta"}
_MOST_SHOWN = 20
_ALARM = "Records that fail again count towards the errors alarm."


def log_lines(screen: Screen, lines: Iterable[LogLine]) -> None:
    if screen.json_output:
        screen.json({"events": [_log_document(line) for line in lines]})
        return
    for line in lines:
        log_line(screen, line)


def log_line(screen: Screen, line: LogLine) -> None:
    text = Text(rfc3339(line.time), "dim").append(f" {line.function:<9} ", _FUNCTION_LOOK[line.function])
    screen.line(text.append(line.message, "default"))


def preview(screen: Screen, found: Preview) -> None:
    """The result of `replay-dlq --dry-run`."""
    if screen.json_output:
        screen.json(_preview_document(found))
        return
    for line in _preview_lines(found):
        screen.line(line)


def preview_before_asking(screen: Screen, found: Preview) -> None:
    for line in _preview_lines(found):
        screen.err.print(line)
    screen.err.print(_ALARM)


def warn_of_alarm(screen: Screen) -> None:
    """Said where nobody is asked."""
    screen.note(_ALARM)


def saved(screen: Screen, report: SaveReport, folder: Path) -> None:
    if screen.json_output:
        screen.json({"saved": report.failures, "records": report.records, "incomplete": report.incomplete})
        return
    screen.line(f"{pluralize(report.records, 'record')} of {pluralize(report.failures, 'failure')} saved in {folder}.")
    for audit_id in report.incomplete:
        screen.line(f"! {audit_id}: not all of its records could be had any more")


def replayed(screen: Screen, report: ReplayReport) -> None:
    """The result of `replay-dlq`."""
    if screen.json_output:
        screen.json(_replay_document(report))
        return
    if report.audited:
        screen.line(f"{pluralize(report.audited, 'message')} of the dead-letter queue audited first.")
    if not report.total and not report.claimed_elsewhere:
        screen.line("Nothing to replay: no failure is open.")
        return
    for each in report.failing[:_MOST_SHOWN]:
        screen.line(Text("! ", "red").append(f"{keys_shown(each.keys)} record {each.written}: {each.error}", "default"))
    if report.still_failing > _MOST_SHOWN:
        screen.line(f"! and {report.still_failing - _MOST_SHOWN} more; `pipectl audit list` shows them")
    for error in report.errors[:_MOST_SHOWN]:
        screen.line(Text("! ", "red").append(error, "default"))
    statuses = ", ".join(f"{report.statuses[status]} {status}" for status in ReplayStatus if report.statuses[status])
    screen.line(
        f"{pluralize(report.total, 'failure')}: {statuses or 'none'}. {pluralize(report.replayed, 'record')} through, "
        f"{report.still_failing} still failing."
    )
    if report.claimed_elsewhere:
        screen.line(
            f"{pluralize(report.claimed_elsewhere, 'failure')} claimed by another replay; claims expire within minutes."
        )


def _preview_lines(found: Preview) -> list[str]:
    if not found.failures and not found.waiting_in_queue:
        return ["Nothing to replay: no failure is open."]
    failures = f"{found.failures:,} or more open failures" if found.more else pluralize(found.failures, "open failure")
    lines = [f"{failures}."]
    lines += [f"  {count} {failure_type}" for failure_type, count in found.by_type.most_common()]
    if found.waiting_in_queue:
        messages = pluralize(found.waiting_in_queue, "message")
        lines.append(f"About {messages} in the dead-letter queue will be audited first.")
    if found.first_to_expire:
        lines.append(f"The stream forgets the first of their records at {rfc3339(found.first_to_expire)}.")
    return lines


def _preview_document(found: Preview) -> dict[str, Any]:
    expires = found.first_to_expire
    return {
        "dryRun": True,
        "failures": {"OPEN": found.failures},
        "more": found.more,
        "byType": dict(found.by_type),
        "waitingInQueue": found.waiting_in_queue,
        "firstToExpire": rfc3339(expires) if expires else None,
    }


def _replay_document(report: ReplayReport) -> dict[str, Any]:
    return {
        "failures": {str(status): report.statuses[status] for status in ReplayStatus},
        "records": {"replayed": report.replayed, "failing": report.still_failing},
        "failing": [failing_document(each) for each in report.failing],
        "expired": [str(number) for number in report.expired],
        "errors": report.errors,
        "claimedElsewhere": report.claimed_elsewhere,
        "audited": report.audited,
    }


def _log_document(line: LogLine) -> dict[str, Any]:
    return {"time": rfc3339_milliseconds(line.time), "function": line.function, "message": line.message}


def failing_document(failing: Failing) -> dict[str, Any]:
    return {"sequenceNumber": failing.written, "keys": failing.keys, "error": failing.error}


def keys_shown(keys: Any) -> str:
    """``orderId=order-7``: the keys without DynamoDB's types."""
    if not isinstance(keys, dict):
        return "(no keys)"
    plain = {name: next(iter(value.values()), "") if isinstance(value, dict) else value for name, value in keys.items()}
    return " ".join(f"{name}={value}" for name, value in plain.items())
