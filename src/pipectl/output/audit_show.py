"""The result of `audit show`: what a person needs first, and on request everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from pipectl.commands.audit import AuditDetail, AuditEntry
from pipectl.failures.explanation import Explanation, FailedOrder, Safety
from pipectl.failures.model import UNRESOLVED, ReplayStatus, short_ids
from pipectl.output.audit import (
    STATUS_LOOK,
    argument,
    count_shown,
    entry_document,
    reason_of,
    remedy,
    resolve_command,
    tries_shown,
)
from pipectl.output.console import Line, Screen
from pipectl.output.explanation import data_shown, orders_of, orders_shown, problems, reason_shown
from pipectl.output.serializer import dumps, serialize
from pipectl.text import pluralize
from pipectl.timestamps import parse_timestamp, relative, short_time

_MOST_ORDERS = 12
"""Orders of one failure that are named."""
_LONGEST_LINE = 300
_MOST_LINES = 6
_LABEL = 10


def details(screen: Screen, found: Sequence[AuditDetail], *, full: bool = False) -> None:
    """Print the result of `audit show`; without ``full`` not the whole audit item and its records."""
    if screen.json_output:
        screen.document({"failures": [_detail_document(detail) for detail in found]})
        return
    names = short_ids([detail.entry.failure.audit_id for detail in found])
    for place, detail in enumerate(found):
        if place:
            screen.line()
        _lead(screen, detail, names[detail.entry.failure.audit_id])
        if full:
            _everything(screen, detail)
    problems(screen, found[0].problems if found else (), 0)


def before_asking(screen: Screen, found: Sequence[AuditEntry]) -> None:
    """Print the failures that `audit resolve` would change."""
    screen.notice(line for entry in found for line in _asked(entry))


def _asked(entry: AuditEntry) -> Iterator[Line]:
    failure, explanation = entry.failure, entry.explanation
    yield failure.audit_id, "  ", (failure.status, STATUS_LOOK[failure.status]), f"  {failure.timestamp}"
    if orders := orders_of(explanation):
        yield (f"  {'order':<{_LABEL}}{orders}",)
    yield f"  {'reason':<{_LABEL}}", *reason_of(entry)


def _lead(screen: Screen, detail: AuditDetail, name: str) -> None:
    """Print what a person needs to know about a failure first."""
    entry, now = detail.entry, detail.read_at
    failure, explanation = entry.failure, entry.explanation
    time = parse_timestamp(failure.timestamp)
    when = f"failed {short_time(time, now)} ({relative(time, now)})" if time else f"failed {failure.timestamp}"
    screen.line((name, "bold"), "  ", (failure.status, STATUS_LOOK[failure.status]), f"  {when}")
    orders = orders_shown(explanation.order_keys, _MOST_ORDERS) or "not known"
    most = f"at most {pluralize(max(explanation.records or 0, len(explanation.order_keys)), 'order')}: "
    _field(screen, "order", (most if explanation.at_most else "", orders))
    _field(screen, "reason", reason_of(entry) if entry.unreplayable else (_whole_reason(explanation),))
    for line in _cause_lines(explanation, now):
        _field(screen, "", (line,))
    if failure.status is ReplayStatus.RESOLVED:
        _field(screen, "resolved", reason_of(entry))
    _log(screen, detail)
    _field(screen, "tries", (_all_tries(explanation),))
    _field(screen, "data", data_shown([explanation], now))
    for order in explanation.orders[:_MOST_ORDERS]:
        if order.url and failure.status in UNRESOLVED:
            _field(screen, "", (order.url,))
    for place, command in enumerate(_commands(screen, entry)):
        _field(screen, "" if place else "next", (command,))


def _field(screen: Screen, label: str, value: Line) -> None:
    screen.hanging(((f"  {label:<{_LABEL}}", "dim"),), value)


def _whole_reason(explanation: Explanation) -> str:
    if explanation.reason:
        return " ".join(explanation.reason.split())
    return f"no reason found ({explanation.failure.failure_type})"


def _cause_lines(explanation: Explanation, now: datetime) -> Iterator[str]:
    """Yield when and where it failed first, and the first reason if the last replay had another."""
    cause = explanation.cause
    if cause is None:
        return
    if cause.reason != explanation.reason:
        yield f"first: {reason_shown(cause.reason)}"
    parts = [f"at {short_time(cause.failed_at, now)}" if cause.failed_at else ""]
    parts += [f"request {cause.request_id}" if cause.request_id else ""]
    parts += [f"version {cause.function_version}" if cause.function_version else ""]
    if said := ", ".join(part[:100] for part in parts if part):
        yield said


def _log(screen: Screen, detail: AuditDetail) -> None:
    excerpt = detail.excerpt
    if excerpt is None:
        return
    if excerpt.problem or not excerpt.lines:
        _field(screen, "log", (excerpt.problem or "no line of this invocation found",))
    for place, line in enumerate(excerpt.brief[:_MOST_LINES]):
        shown = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."
        _field(screen, "" if place else "log", (shown,))


def _all_tries(explanation: Explanation) -> str:
    item = explanation.failure.item
    invocations, replays = tries_shown(explanation), count_shown(item.get("replayAttempts"))
    shown = f"{invocations} by the mapping" if invocations else "not known"
    return f"{shown}, {replays} by replays" if replays else shown


def _commands(screen: Screen, entry: AuditEntry) -> Iterator[str]:
    if entry.failure.status is ReplayStatus.RESOLVED:
        yield f"{screen.completed('`pipectl audit resolve')} {argument(entry)} --undo` makes it unresolved again"
    if entry.failure.status not in UNRESOLVED:
        return
    if entry.unreplayable:
        yield f"{resolve_command(screen, entry)} closes it"
        return
    if entry.explanation.safety is Safety.GONE:
        yield f"correct the order in the table, then {resolve_command(screen, entry)}"
        return
    yield screen.completed(remedy([entry]))
    yield f"only this one: {screen.completed('`pipectl replay-dlq')} --id {argument(entry)}`"


def _everything(screen: Screen, detail: AuditDetail) -> None:
    """Print the audit item and its records."""
    item = {**detail.entry.failure.item, "expiryClock": detail.entry.expiry_clock}
    _tree(screen, {name: serialize(value) for name, value in item.items()}, "  ")
    if detail.unreadable:
        screen.line(f"  no records: {detail.unreadable}")
    for record in detail.records:
        text = dumps(record.record, indent=None) if record.record else ""
        screen.line(f"  record {record.sequence_number} ({record.origin}) {text}")
    if detail.more_records:
        screen.line("  and more records")


def _detail_document(detail: AuditDetail) -> dict[str, object]:
    return {
        **entry_document(detail.entry),
        "failedRecords": [_order_document(order) for order in detail.entry.explanation.orders],
        "log": detail.excerpt.lines if detail.excerpt else (),
        "problems": detail.problems,
        "records": detail.records,
        "moreRecords": detail.more_records,
        "unreadable": detail.unreadable,
    }


def _order_document(order: FailedOrder) -> dict[str, object]:
    return {
        "sequenceNumber": order.number,
        "order": order.key,
        "reason": order.reason,
        "first": order.cause,
        "quarantined": order.quarantined,
        "url": order.url,
    }


def _tree(screen: Screen, values: Mapping[str, object], indent: str) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            screen.line(f"{indent}{name}:")
            _tree(screen, value, f"{indent}  ")
        else:
            screen.line(f"{indent}{name}: {value if isinstance(value, str) else dumps(value, indent=None)}")
