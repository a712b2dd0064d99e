"""How failures, proofs and pauses are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.text import Text

from pipectl.commands.audit import AuditDetail, AuditEntry, AuditPage, AuditStats
from pipectl.commands.pause import PauseReport
from pipectl.commands.trace import Stage, Trace
from pipectl.commands.verify import VerifyReport
from pipectl.failures.model import UNRESOLVED, ReplayStatus
from pipectl.output.console import Screen
from pipectl.output.failures import failing_document, keys_shown
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_STATUS_LOOK = {
    ReplayStatus.OPEN: "yellow",
    ReplayStatus.PARTIAL: "yellow",
    ReplayStatus.FAILED: "red",
    ReplayStatus.EXPIRED: "dim",
    ReplayStatus.REPLAYED: "green",
}
_STAGE_LOOK = {Stage.STORED: "green", Stage.WAITING: "yellow"}
_MOST_SHOWN = 20


def audit_page(screen: Screen, page: AuditPage) -> None:
    """The result of `audit list`."""
    if screen.json_output:
        screen.json(page.document())
        return
    for entry in page.entries:
        screen.line(_entry(entry))
    if not page.entries:
        screen.line("No failures.")
    if page.next:
        screen.note(f"There are more: --page {page.next}")


def audit_details(screen: Screen, details: Sequence[AuditDetail]) -> None:
    """The result of `audit show`."""
    if screen.json_output:
        screen.json({"failures": [detail.document() for detail in details]})
        return
    for detail in details:
        screen.line(_entry(detail.entry))
        _tree(screen, {k: v for k, v in detail.entry.document().items() if k not in ("auditId", "failureType")}, "  ")
        if detail.unreadable:
            screen.line(f"  no records: {detail.unreadable}")
        for found in detail.records:
            text = json.dumps(found.record, ensure_ascii=False) if found.record else ""
            screen.line(f"  record {found.sequence_number} ({found.origin}) {text}")
        if detail.more:
            screen.line("  and more records")


def audit_counts(screen: Screen, stats: AuditStats) -> None:
    """The result of `audit stats`."""
    if screen.json_output:
        screen.json(stats.document())
        return
    screen.line(f"{pluralize(stats.total, 'failure')} from {rfc3339(stats.since)} to {rfc3339(stats.until)}")
    for counts in (stats.by_status, stats.by_type):
        for name, count in counts.items():
            screen.line(f"{count:>7}  {name}")
    for day, types in stats.by_day.items():
        screen.line(f"{day}  " + ", ".join(f"{count} {name}" for name, count in types.items()))


def lost_before_asking(screen: Screen, report: VerifyReport) -> None:
    for line in _verified(report):
        screen.err.print(line)


def verified(screen: Screen, report: VerifyReport) -> None:
    """The result of `verify`."""
    if screen.json_output:
        screen.json(_verify_document(report))
        return
    for line in _verified(report):
        screen.line(line)


def traced(screen: Screen, found: Trace) -> None:
    """The result of `trace`."""
    if screen.json_output:
        screen.json(found.document())
        return
    if found.item is not None:
        screen.line(json.dumps(found.item, ensure_ascii=False, separators=(",", ":"), default=str))
    elif found.stage is not Stage.ABSENT:
        screen.line(f"{found.key} is not in the table any more.")
    for event in found.events:
        text = Text(f"{rfc3339(event.time)}  ", "dim").append(f"{event.kind:<12}")
        screen.line(text.append(event.detail))
    screen.line(Text(found.stuck, _STAGE_LOOK.get(found.stage, "red")))


def paused(screen: Screen, report: PauseReport) -> None:
    """The result of `pause`."""
    if screen.json_output:
        screen.json(_pause_document(report))
        return
    already = "" if report.changed else "already "
    since = f" since {rfc3339(report.pause.since)}" if report.pause and report.pause.since else ""
    by = f" by {report.pause.by}" if report.pause and report.pause.by else ""
    screen.line(f"The stream mapping is {already}paused{since}{by}.")
    if report.left is not None:
        screen.line(
            f"The stream forgets the first waiting record in {_hours(report.left)}; go on with `pipectl resume`."
        )


def resumed(screen: Screen, report: PauseReport) -> None:
    """The result of `resume`."""
    if screen.json_output:
        screen.json(_pause_document(report))
    elif not report.changed:
        screen.line("The stream mapping was not paused.")
    elif report.left is not None and report.left < timedelta(0):
        screen.line(
            "The stream mapping goes on. Its oldest records may have been forgotten: `pipectl verify` says which."
        )
    else:
        screen.line("The stream mapping goes on where it stopped.")


def _entry(entry: AuditEntry) -> Text:
    failure = entry.failure
    text = Text(f"{failure.timestamp}  ", "dim").append(f"{failure.status:<8}", _STATUS_LOOK[failure.status])
    text.append(f"  {failure.failure_type:<22}  {failure.audit_id}")
    if entry.expired:
        text.append("  the stream has forgotten its records", "red")
    elif entry.expiring:
        text.append("  the stream is forgetting its records", "red")
    elif entry.starts_to_expire and failure.status in UNRESOLVED:
        text.append(f"  expires {rfc3339(entry.starts_to_expire)}", "dim")
    return text


def _tree(screen: Screen, values: Mapping[str, Any], indent: str) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            screen.line(f"{indent}{name}:")
            _tree(screen, value, f"{indent}  ")
        else:
            screen.line(f"{indent}{name}: {value if isinstance(value, str) else json.dumps(value, default=str)}")


def _verified(report: VerifyReport) -> list[str]:
    lines = [
        f"! {keys_shown(record.keys)} record {record.sequence_number}, written {rfc3339(record.written_at)}, is lost"
        for record in report.records[:_MOST_SHOWN]
    ]
    if report.lost > _MOST_SHOWN:
        lines.append(f"! and {report.lost - _MOST_SHOWN} more; -o json names them")
    lines += [f"! record {each.written} fails: {each.error}" for each in report.failing[:_MOST_SHOWN]]
    if report.waiting_in_queue:
        wait = "failure waits" if report.waiting_in_queue == 1 else "failures wait"
        lines.append(f"About {report.waiting_in_queue} {wait} for the auditor: some of the lost may be theirs.")
    lines.append(
        f"{pluralize(report.read, 'record')} since {rfc3339(report.since)}: {report.stored} stored, "
        f"{report.failed} audited, {report.pending} pending, {report.lost} lost."
    )
    if report.repaired or report.failing:
        lines.append(f"{report.repaired} of the lost {'is' if report.repaired == 1 else 'are'} stored now.")
    return lines


def _verify_document(report: VerifyReport) -> dict[str, Any]:
    return {
        "ok": report.ok,
        "since": rfc3339(report.since),
        "oldest": rfc3339(report.oldest) if report.oldest else None,
        "records": {
            "read": report.read,
            "stored": report.stored,
            "failed": report.failed,
            "pending": report.pending,
            "lost": report.lost,
            "repaired": report.repaired,
        },
        "lost": [vars(record) for record in report.records],
        "failing": [failing_document(each) for each in report.failing],
        "waitingInQueue": report.waiting_in_queue,
    }


def _pause_document(report: PauseReport) -> dict[str, Any]:
    since = report.pause.since if report.pause else None
    return {
        "paused": report.paused,
        "changed": report.changed,
        "since": rfc3339(since) if since else None,
        "by": report.pause.by if report.pause else None,
        "secondsLeft": report.left.total_seconds() if report.left is not None else None,
    }


def _hours(left: timedelta) -> str:
    return f"{left.total_seconds() / 3600:.1f} hours"
