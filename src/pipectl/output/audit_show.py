"""The result of `audit show`: what a person needs first, and on request everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from pipectl.commands.audit import AuditDetail, AuditEntry
from pipectl.failures.explanation import Explanation, FailedOrder, Safety
from pipectl.failures.model import short_ids
from pipectl.failures.sdk_errors import brief_reason
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.output import looks
from pipectl.output.audit import (
    argument,
    count_shown,
    entry_document,
    reason_of,
    remedy,
    resolve_command,
    rollback,
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
_MOST_URLS = 2
_LABEL = 10
_Field: TypeAlias = "tuple[str, Line]"


def details(screen: Screen, found: Sequence[AuditDetail], *, full: bool = False) -> None:
    """Print the result of `audit show`; without ``full`` not the whole audit item and its records."""
    if screen.json_output:
        screen.document({"failures": [_detail_document(detail) for detail in found]})
        return
    names = short_ids([detail.entry.failure.audit_id for detail in found])
    for place, detail in enumerate(found):
        if place:
            screen.line()
        _lead(screen, detail, names[detail.entry.failure.audit_id], full=full)
        if full:
            _everything(screen, detail)
    problems(screen, found[0].problems if found else (), 0)


def before_asking(screen: Screen, found: Sequence[AuditEntry]) -> None:
    """Print the failures that `audit resolve` would change."""
    for entry in found:
        failure = entry.failure
        screen.notice(
            [(failure.audit_id, "  ", (failure.status, looks.STATUS[failure.status]), f"  {failure.timestamp}")]
        )
        fields = (("order", (orders_of(entry.explanation) or "not known",)), ("reason", reason_of(entry)))
        screen.notice((f"  {label:<{_LABEL}}", *value) for label, value in fields)


def _lead(screen: Screen, detail: AuditDetail, name: str, *, full: bool) -> None:
    """Print what a person needs to know about a failure first."""
    failure, now = detail.entry.failure, detail.read_at
    time = parse_timestamp(failure.timestamp)
    when = f"failed {short_time(time, now)} ({relative(time, now)})" if time else f"failed {failure.timestamp}"
    screen.line((name, "bold"), "  ", (failure.status, looks.STATUS[failure.status]), f"  {when}")
    for label, value in _fields(screen, detail, full=full):
        screen.hanging((f"  {label:<{_LABEL}}",), value)


def _fields(screen: Screen, detail: AuditDetail, *, full: bool) -> Iterator[_Field]:
    """Yield labels and values; a label is empty where the value belongs to the one before."""
    entry, explanation, now = detail.entry, detail.entry.explanation, detail.read_at
    orders = orders_shown(explanation.order_keys, _MOST_ORDERS) or "not known"
    most = f"at most {pluralize(max(explanation.records or 0, len(explanation.order_keys)), 'order')}: "
    yield "order", (f"{most if explanation.at_most else ''}{orders}",)
    yield "reason", (_reason(explanation, full=full),)
    for line in _cause_lines(explanation, now):
        yield "", (line,)
    if entry.unreplayable and entry.failure.status in UNRESOLVED:
        yield "", reason_of(entry)
    if entry.failure.status is ReplayStatus.RESOLVED:
        yield "resolved", reason_of(entry)
    yield from _labelled("log", _log(detail))
    yield "tries", (_all_tries(explanation),)
    yield "data", data_shown([explanation], now)
    yield from (("", (line,)) for line in _urls(explanation))
    yield from _labelled("next", _commands(screen, detail))


def _urls(explanation: Explanation) -> Iterator[str]:
    """Yield where the quarantine keeps the records, if it keeps all that certainly failed."""
    urls = [order.url for order in explanation.orders if order.url]
    if not explanation.quarantined or explanation.failure.status not in UNRESOLVED:
        return
    yield from urls[:_MOST_URLS]
    if len(urls) > _MOST_URLS:
        yield f"and {pluralize(len(urls) - _MOST_URLS, 'more object')} beside it"


def _labelled(label: str, lines: Iterable[str]) -> Iterator[_Field]:
    for place, line in enumerate(lines):
        yield "" if place else label, (line,)


def _reason(explanation: Explanation, *, full: bool) -> str:
    if not explanation.reason:
        return f"{explanation.without_reason} ({explanation.failure.failure_type})"
    return " ".join((explanation.reason if full else brief_reason(explanation.reason)).split())


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


def _log(detail: AuditDetail) -> Iterator[str]:
    excerpt = detail.excerpt
    if excerpt is None:
        return
    if excerpt.problem or not excerpt.lines:
        yield excerpt.problem or "no line of this invocation found"
    for line in excerpt.brief[:_MOST_LINES]:
        yield line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."


def _all_tries(explanation: Explanation) -> str:
    item = explanation.failure.item
    invocations, replays = tries_shown(explanation), count_shown(item.get("replayAttempts"))
    shown = f"{invocations} by the mapping" if invocations else "not known"
    return f"{shown}, {replays} by replays" if replays else shown


def _commands(screen: Screen, detail: AuditDetail) -> Iterator[str]:
    entry = detail.entry
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
    if detail.deploy:
        yield rollback(screen, detail.deploy, detail.read_at)
    yield from map(screen.completed, remedy([entry]))
    yield f"{screen.completed('`pipectl replay-dlq')} --id {argument(entry)}` replays this one only"


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
        "suspectDeploy": detail.deploy,
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
