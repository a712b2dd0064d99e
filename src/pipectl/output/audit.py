"""The results of `audit list` and `audit resolve`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from pipectl.commands.audit import AuditEntry, AuditPage, AuditSummary
from pipectl.commands.audit_resolve import ResolvedFailure
from pipectl.failures.audit_table import Selection
from pipectl.failures.explanation import Explanation, Safety
from pipectl.failures.model import short_ids
from pipectl.failures.sdk_errors import is_denial
from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED, ReplayStatus
from pipectl.failures.suspect_deploy import SuspectDeploy
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.output.explanation import WRONG_CODE, WRONG_ORDER, causes, orders_shown, problems, reason_shown
from pipectl.output.table import Column
from pipectl.text import pluralize, shell_word
from pipectl.timestamps import parse_timestamp, relative, rfc3339, short_time

_SAFE = {Safety.QUARANTINED: "safe", Safety.STREAM: "stream", Safety.GONE: "gone", Safety.UNKNOWN: "unknown"}
_NOT_LISTED = "Not listed: orders that wait to be processed, failures that wait for the auditor. See `pipectl status`."
_SAME: Line = (("same", looks.LESS),)
"""Stands for the reason of the row above."""


def page(screen: Screen, found: AuditPage, selection: Selection, limit: int) -> None:
    """Print the result of `audit list`. A token continues the list of the same selection, so the hint repeats it."""
    if screen.json_output:
        screen.document(_page_document(found))
        return
    only_unresolved = bool(selection.statuses) and set(selection.statuses) <= set(UNRESOLVED)
    noun = "unresolved failure" if only_unresolved else "failure"
    if found.incomplete:
        screen.note(screen.completed(found.incomplete))
    if not found.entries:
        screen.line(f"No {noun}s.")
        if only_unresolved:
            screen.line(screen.completed(_NOT_LISTED))
        return
    if found.summary:
        screen.line((_summary(found.summary, noun, found.read_at), "bold"))
        causes(screen, found.summary.causes, found.read_at)
        if found.summary.more:
            counted = f"Causes are those of the newest {found.summary.count:,}; `pipectl audit stats` counts all."
            screen.line(screen.completed(counted))
        screen.line()
    _table(screen, found.entries, found.read_at)
    problems(screen, found.problems, found.unexplained)
    _next(screen, found)
    if found.next:
        command = " ".join(_next_page(found.next, selection, limit))
        screen.note(screen.completed(f"There are more: `pipectl {command}`"))


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


def _summary(found: AuditSummary, noun: str, now: datetime) -> str:
    """``30 unresolved failures, first 00:07:57, newest 00:07:59 (15 min ago)``."""
    count = f"more than {pluralize(found.count, noun)}" if found.more else pluralize(found.count, noun)
    first = f", first {short_time(found.first, now)}" if found.first and found.count > 1 else ""
    if not found.newest:
        return count
    newest = ", newest" if found.count > 1 else ","
    return f"{count}{first}{newest} {short_time(found.newest, now)} ({relative(found.newest, now)})"


def _table(screen: Screen, entries: Sequence[AuditEntry], now: datetime) -> None:
    """Print failures as a table, with a column for the place of the records unless all of them are safe.

    On a terminal a reason that needs several lines is not repeated in each row.
    """
    names = short_ids([entry.failure.audit_id for entry in entries])
    open_ones = [entry for entry in entries if entry.failure.status in UNRESOLVED]
    all_safe = all(entry.explanation.quarantined for entry in open_ones)
    headers = ["ID", "WHEN", "ORDER", "STATUS", "TRIES", *([] if all_safe else ["DATA"]), "REASON"]
    columns = [Column(header, flexible=header == "REASON", right=header == "TRIES") for header in headers]
    rows, above = [], None
    for entry in entries:
        failure = entry.failure
        data = [] if all_safe else [_SAFE[entry.explanation.safety] if entry in open_ones else ""]
        row: list[Line] = [
            (names[failure.audit_id],),
            (_time(failure.timestamp, now),),
            (_order_cell(entry.explanation),),
            ((failure.status, looks.STATUS[failure.status]),),
            (tries_shown(entry.explanation),),
            *((cell,) for cell in data),
            _SAME if screen.width is not None and reason_of(entry) == above else reason_of(entry),
        ]
        above = reason_of(entry)
        rows.append(row)
    screen.table(columns, rows)


def _order_cell(explanation: Explanation) -> str:
    """Return the orders of a failure for a table: one, or their greatest possible number."""
    keys = explanation.order_keys
    if not explanation.at_most:
        return orders_shown(keys, 1)
    count = max(explanation.records or 0, len(keys))
    return f"at most {count:,}" if count else "several"


def reason_of(entry: AuditEntry) -> Line:
    """Return the reason of a failure, after what a person has to know before it: it is closed, or beyond replay."""
    item, reason = entry.failure.item, entry.explanation.reason
    shown = reason_shown(reason, refusal=False) if reason else ""
    if entry.failure.status is ReplayStatus.RESOLVED:
        return (f"by {item.get('resolvedBy')}: {reason_shown(str(item.get('resolvedReason')))}",)
    if entry.failure.status in UNRESOLVED and entry.unreplayable:
        return ("cannot be replayed: ", looks.BAD), reason_shown(entry.unreplayable)
    return (shown or entry.explanation.without_reason,)


def tries_shown(explanation: Explanation) -> str:
    """Return the number of invocations; Lambda reports one also for records that became too old without any."""
    failure, count = explanation.failure, explanation.failure.item.get("approximateInvokeCount")
    return "0" if failure.failure_type == "RecordAgeExceeded" and count == 1 else count_shown(count)


def count_shown(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, Decimal) and 0 <= value < 10**9 else ""


def _time(timestamp: str, now: datetime) -> str:
    """Return the short form of an item's timestamp; an invalid one is shown as it is, cut."""
    time = parse_timestamp(timestamp)
    return short_time(time, now) if time else timestamp[:24]


def _next(screen: Screen, found: AuditPage) -> None:
    """Print the commands that help with unresolved failures."""
    open_ones = [entry for entry in found.entries if entry.failure.status in UNRESOLVED]
    lines: list[str] = []
    if found.deploy:
        lines.append(rollback(screen, found.deploy, found.read_at))
    if replayable := [entry for entry in open_ones if not entry.unreplayable]:
        lines += [_show_command(screen, replayable[0]), *map(screen.completed, remedy(replayable))]
    if never := [entry for entry in open_ones if entry.unreplayable]:
        closed = resolve_command(screen, never[0])
        which = "the one" if len(never) == 1 else f"one of the {len(never):,}"
        lines.append(f"{closed} closes {which} that cannot be replayed")
    for place, line in enumerate(lines):
        screen.hanging((("Next: ", "bold") if place == 0 else " " * 6,), (line,))


def rollback(screen: Screen, deploy: SuspectDeploy, now: datetime) -> str:
    """Return what to do about failures that began with a deployment."""
    return f"{screen.completed('`pipectl rollback`, then `pipectl replay-dlq`')} ({deploy.describe(now)})"


def remedy(entries: Sequence[AuditEntry]) -> list[str]:
    """Return what to do about failures that can be replayed, one step a line."""
    replay = "`pipectl replay-dlq`"
    if all(entry.failure.failure_type == "RecordAgeExceeded" for entry in entries):
        return [f"{replay} processes them again"]
    if all(is_denial(entry.explanation.reason or "") for entry in entries):
        return ["`pipectl plan` compares the permissions with the config, `pipectl up` restores them", replay]
    return [WRONG_CODE, WRONG_ORDER]


def _show_command(screen: Screen, entry: AuditEntry) -> str:
    return f"{screen.completed('`pipectl audit show')} {argument(entry)}`"


def resolve_command(screen: Screen, entry: AuditEntry) -> str:
    return f"{screen.completed('`pipectl audit resolve')} {argument(entry)} --reason TEXT`"


def argument(entry: AuditEntry) -> str:
    """Return a failure's short id for a command line. An id that was written by hand can hold any character."""
    audit_id = entry.failure.audit_id
    return shell_word(short_ids([audit_id])[audit_id])


def _next_page(token: str, selection: Selection, limit: int) -> Iterator[str]:
    """Yield the words of the command that lists the next page."""
    yield "audit list"
    if selection.types != FAILURE_TYPES:
        yield from (f"--type {name}" for name in selection.types)
    if selection.since or selection.statuses != UNRESOLVED:
        yield from (f"--status {status}" for status in selection.statuses)
    if selection.since:
        yield f"--since {rfc3339(selection.since)}"
    if selection.until:
        yield f"--until {rfc3339(selection.until)}"
    yield f"--limit {limit}"
    yield f"--page {token}"


def _page_document(found: AuditPage) -> dict[str, object]:
    summary = found.summary
    groups = summary.causes if summary else ()
    return {
        "failures": [entry_document(entry) for entry in found.entries],
        "next": found.next,
        "count": summary.count if summary else None,
        "more": summary.more if summary else None,
        "first": summary.first if summary else None,
        "newest": summary.newest if summary else None,
        "causes": [{"cause": group.cause, "count": group.count, "orders": group.orders} for group in groups],
        "unexplained": found.unexplained,
        "problems": found.problems,
        "incomplete": found.incomplete,
        "suspectDeploy": found.deploy,
    }


def entry_document(entry: AuditEntry) -> dict[str, object]:
    """Return the audit item as it is, with its explanation and the clock beside it."""
    explanation = entry.explanation
    return {
        **entry.failure.item,
        "orders": explanation.order_keys,
        "atMost": explanation.at_most,
        "reason": explanation.reason,
        "quarantined": explanation.quarantined,
        "safety": explanation.safety,
        "until": explanation.until,
        "unreplayable": entry.unreplayable,
        "expiryClock": entry.expiry_clock,
    }
