"""The results of `audit`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipectl.commands.audit import AuditDetail, AuditEntry, AuditPage, AuditStats, ResolvedFailure
from pipectl.failures.audit_table import Selection
from pipectl.failures.model import FAILURE_TYPES, UNRESOLVED, ReplayStatus
from pipectl.output.console import Line, Screen
from pipectl.output.serializer import dumps, serialize
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_STATUS_LOOK = {
    ReplayStatus.OPEN: "yellow",
    ReplayStatus.PARTIAL: "yellow",
    ReplayStatus.FAILED: "red",
    ReplayStatus.EXPIRED: "dim",
    ReplayStatus.REPLAYED: "green",
    ReplayStatus.RESOLVED: "green",
}


def page(screen: Screen, found: AuditPage, selection: Selection, limit: int) -> None:
    """Print the result of `audit list`. A token continues the list of the same selection, so the hint repeats it."""
    if screen.json_output:
        screen.document({"failures": [_entry_document(entry) for entry in found.entries], "next": found.next})
        return
    for entry in found.entries:
        screen.line(*_entry(entry))
    if not found.entries:
        screen.line("No failures.")
    if found.next:
        command = " ".join(_next_page(found.next, selection, limit))
        screen.note(screen.completed(f"There are more: `pipectl {command}`"))


def details(screen: Screen, found: Sequence[AuditDetail]) -> None:
    """Print the result of `audit show`."""
    if screen.json_output:
        screen.document({"failures": [_detail_document(detail) for detail in found]})
        return
    for detail in found:
        screen.line(*_entry(detail.entry))
        entry = _entry_document(detail.entry)
        _tree(screen, {k: serialize(v) for k, v in entry.items() if k not in ("auditId", "failureType")}, "  ")
        if detail.unreadable:
            screen.line(f"  no records: {detail.unreadable}")
        for record in detail.records:
            text = dumps(record.record, indent=None) if record.record else ""
            screen.line(f"  record {record.sequence_number} ({record.origin}) {text}")
        if detail.more_records:
            screen.line("  and more records")


def stats(screen: Screen, found: AuditStats) -> None:
    """Print the result of `audit stats`."""
    if screen.json_output:
        screen.document(found)
        return
    until = f" to {rfc3339(found.until)}" if found.until else ""
    screen.line(f"{pluralize(found.total, 'failure')} from {rfc3339(found.since)}{until}")
    for counts in (found.by_status, found.by_type):
        for name, count in counts.items():
            screen.line(f"{count:>7}  {name}")
    for day, types in found.by_day.items():
        screen.line(f"{day}  " + ", ".join(f"{count} {name}" for name, count in types.items()))


def before_asking(screen: Screen, found: Sequence[AuditEntry]) -> None:
    """Print the failures that `audit resolve` would change."""
    screen.notice(_entry(entry) for entry in found)


def resolved(screen: Screen, found: Sequence[ResolvedFailure]) -> None:
    """Print the result of `audit resolve`."""
    if screen.json_output:
        screen.document({"failures": [_resolved_document(each) for each in found]})
        return
    for each in found:
        if each.resolution:
            screen.line(f"Failure {each.audit_id} is resolved: {each.resolution.reason}")
        else:
            screen.line(f"Failure {each.audit_id} is unresolved again: {each.status}")


def _resolved_document(found: ResolvedFailure) -> dict[str, object]:
    made = found.resolution
    return {
        "auditId": found.audit_id,
        "timestamp": found.timestamp,
        "status": found.status,
        "resolvedBy": made.by if made else None,
        "resolvedAt": made.at if made else None,
        "reason": made.reason if made else None,
    }


def _next_page(token: str, selection: Selection, limit: int) -> Iterator[str]:
    """Yield the words of the command that lists the next page."""
    yield "audit list"
    if selection.types != FAILURE_TYPES:
        yield from (f"--type {name}" for name in selection.types)
    yield from (f"--status {status}" for status in selection.statuses)
    if selection.since:
        yield f"--since {rfc3339(selection.since)}"
    if selection.until:
        yield f"--until {rfc3339(selection.until)}"
    yield f"--limit {limit}"
    yield f"--page {token}"


def _entry(entry: AuditEntry) -> Line:
    failure = entry.failure
    return (
        (f"{failure.timestamp}  ", "dim"),
        (f"{failure.status:<8}", _STATUS_LOOK[failure.status]),
        f"  {failure.failure_type:<22}  {failure.audit_id}",
        *_expiry(entry),
    )


def _expiry(entry: AuditEntry) -> Line:
    clock = entry.expiry_clock
    if clock.expired:
        return (("  its records are no longer in the stream (24 h limit)", "red"),)
    if clock.expiring:
        return (("  its records are expiring from the stream", "red"),)
    if clock.starts_to_expire and entry.failure.status in UNRESOLVED:
        return ((f"  expires {rfc3339(clock.starts_to_expire)}", "dim"),)
    return ()


def _entry_document(entry: AuditEntry) -> dict[str, object]:
    """Return the audit item as it is, with the clock beside it."""
    return {**entry.failure.item, "expiryClock": entry.expiry_clock}


def _detail_document(detail: AuditDetail) -> dict[str, object]:
    return {
        **_entry_document(detail.entry),
        "records": detail.records,
        "moreRecords": detail.more_records,
        "unreadable": detail.unreadable,
    }


def _tree(screen: Screen, values: Mapping[str, object], indent: str) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            screen.line(f"{indent}{name}:")
            _tree(screen, value, f"{indent}  ")
        else:
            screen.line(f"{indent}{name}: {value if isinstance(value, str) else dumps(value, indent=None)}")
