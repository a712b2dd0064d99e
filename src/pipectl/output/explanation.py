"""Explained failures as several commands show them: orders, reasons, causes, and where the records are safe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipectl.failures.explanation import CauseGroup, Explanation, Safety
from pipectl.failures.sdk_errors import REFUSAL, brief_reason
from pipectl.failures.status import UNRESOLVED
from pipectl.output import looks
from pipectl.output.console import Line, Part, Screen
from pipectl.output.table import Column
from pipectl.text import pluralize
from pipectl.timestamps import duration, short_time

MOST_ORDERS = 2
"""Orders that a cell of a table names."""
_LONGEST_KEY = 24
_LONGEST_REASON = 200
WRONG_CODE = "wrong code: correct it, `pipectl up`, then `pipectl replay-dlq`"
WRONG_ORDER = (
    "wrong order: correct it in the table, which processes it again; then close the failure: "
    "`pipectl audit resolve ID --reason TEXT`; a replay uses the order as it failed"
)
"""A corrected order is a new record, which is processed by itself. The record that failed would fail again."""


def brief_key(key: str) -> str:
    """Return an order's key, with its middle cut out when it is too long for a table."""
    return key if len(key) <= _LONGEST_KEY else f"{key[:12]}...{key[-9:]}"


def orders_shown(keys: Sequence[str], most: int = MOST_ORDERS) -> str:
    """``o-1, o-2, ... +28``: the first orders, and the number of the others."""
    named = ", ".join(brief_key(key) for key in keys[:most])
    return named if len(keys) <= most else f"{named}, ... +{len(keys) - most:,}"


def orders_of(explanation: Explanation) -> str:
    """Return the orders of one failure; a range that can hold good records says "at most"."""
    keys = explanation.order_keys
    if not explanation.at_most:
        return orders_shown(keys)
    count = max(explanation.records or 0, len(keys))
    most = f"at most {pluralize(count, 'order')}" if count else "several orders"
    return f"{most}: {orders_shown(keys)}" if keys else most


def reason_shown(reason: str, *, refusal: bool = True) -> str:
    """Return a reason on one line, cut when it is long; without ``refusal`` only the message of a refused order."""
    line = " ".join(brief_reason(reason).split())
    line = line if refusal else line.removeprefix(REFUSAL)
    return line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 3]}..."


def data_shown(explanations: Sequence[Explanation], now: datetime) -> Line:
    """Return where the records of failures are safe; those of failures that are done are not counted."""
    unresolved = [each for each in explanations if each.failure.status in UNRESOLVED]
    if not unresolved:
        return (("done", looks.LESS),)
    found = [(safety, [each for each in unresolved if each.safety is safety]) for safety in Safety]
    several = sum(bool(members) for _, members in found) > 1
    parts: list[Part] = []
    for safety, members in found:
        if members:
            count = f"{len(members):,} " if several else ""
            parts += [", "] if parts else []
            parts.append(_data(safety, members, now, count))
    return tuple(parts)


def _data(safety: Safety, members: Sequence[Explanation], now: datetime, count: str) -> Part:
    until = min((each.until for each in members if each.until), default=None)
    if safety is Safety.QUARANTINED:
        return f"{count}safe (quarantined)", looks.GOOD
    if safety is Safety.GONE:
        return f"{count}in neither stream nor quarantine", looks.BAD
    if safety is Safety.STREAM and until:
        return f"{count}ONLY in the stream{_until(until, now)}", looks.BAD
    if all(each.failure.range is None for each in members):
        return f"{count}no record named", looks.ATTENTION
    if until and until > now:
        return f"{count}in the stream{_until(until, now)}, perhaps in quarantine", looks.ATTENTION
    return f"{count}not known", looks.ATTENTION


def _until(until: datetime, now: datetime) -> str:
    if until <= now:
        return f", expiring for {duration(now - until)}"
    return f" until {short_time(until, now, seconds=False)} ({duration(until - now)})"


def causes(screen: Screen, groups: Sequence[CauseGroup], now: datetime) -> None:
    """Print a table of causes."""
    columns = (Column("CAUSE", flexible=True), Column("COUNT", right=True), Column("ORDERS"), Column("DATA", True))
    rows = [
        (group.cause, f"{group.count:,}", orders_shown(group.orders), data_shown(group.explanations, now))
        for group in groups
    ]
    screen.table(columns, rows)


def problems(screen: Screen, found: Sequence[str], unexplained: int) -> None:
    """Print why some orders and reasons are missing."""
    if unexplained:
        failures = pluralize(unexplained, "failure")
        screen.line((f"Orders and reasons of {failures} were not read: too many at once.", looks.ATTENTION))
    for problem in found:
        screen.line((f"Not everything could be read: {problem}", looks.ATTENTION))
