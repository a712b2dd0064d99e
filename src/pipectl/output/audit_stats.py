"""The result of `audit stats`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pipectl.commands.audit_stats import AuditStats
from pipectl.output import looks
from pipectl.output.bars import CHARACTERS, bars
from pipectl.output.console import Line, Screen
from pipectl.output.explanation import problems
from pipectl.output.table import Column
from pipectl.text import pluralize
from pipectl.timestamps import duration, parse_timestamp, relative, rfc3339, short_time

MOST_ROWS = 48
"""Rows with all hours or days between the first and the last one; of a longer period only those with failures."""


def result(screen: Screen, found: AuditStats) -> None:
    """Print the result of `audit stats`."""
    if screen.json_output:
        screen.document(found)
        return
    end = found.until or found.read_at
    period = f"{rfc3339(found.since)} to {rfc3339(end)} ({duration(end - found.since)})"
    screen.line((f"{pluralize(found.total, 'failure')} from {period}", "bold"))
    screen.line(_unresolved(found))
    if found.incomplete:
        screen.note(screen.completed(found.incomplete))
    if not found.total:
        return
    screen.line()
    _times(screen, found)
    screen.line()
    statuses = {str(status): look for status, look in looks.STATUS.items()}
    _counts(
        screen, "STATUS", [((name, statuses.get(name, "")), count) for name, count in _largest_first(found.by_status)]
    )
    screen.line()
    _counts(screen, "TYPE", [((name, ""), count) for name, count in _largest_first(found.by_type)])
    if found.by_cause:
        screen.line()
        _counts(screen, "CAUSE", [((each.cause, ""), each.count) for each in found.by_cause])
    if 0 < found.explained < found.total:
        screen.line(f"Causes are those of the newest {found.explained:,} of {pluralize(found.total, 'failure')}.")
    problems(screen, found.problems, 0)


def _unresolved(found: AuditStats) -> tuple[str, str]:
    if not found.unresolved:
        return "None is unresolved, at any age.", looks.GOOD
    oldest = parse_timestamp(found.oldest_unresolved)
    since = f", the oldest since {short_time(oldest, found.read_at)}" if oldest else ""
    age = f" ({relative(oldest, found.read_at)})" if oldest else ""
    return f"{found.unresolved:,} unresolved at any age{since}{age}", looks.ATTENTION


def _times(screen: Screen, found: AuditStats) -> None:
    """Print failures by hour or day, the oldest first, with the type where there are several."""
    step = timedelta(hours=1) if found.by_hour else timedelta(days=1)
    rows = _whole_period(found.by_hour or found.by_day, step)
    counts = [sum(types.values()) for types in rows.values()]
    unit = "HOUR" if found.by_hour else "DAY"
    several = len(found.by_type) > 1
    columns = [Column(unit), Column("FAILURES", right=True), Column("")]
    columns += [Column("TYPES", flexible=True)] if several else []
    cells: list[list[Line]] = []
    drawn = bars(counts, ascii_only=not screen.can_show(CHARACTERS))
    for (time, types), count, bar in zip(rows.items(), counts, drawn, strict=True):
        shown = ", ".join(f"{number:,} {name}" for name, number in _largest_first(types))
        cells.append([(_time(time),), (f"{count:,}",), ((bar, looks.BARS),), *([(shown,)] if several else [])])
    screen.table(columns, cells)


def _whole_period(counts: Mapping[str, Mapping[str, int]], step: timedelta) -> dict[str, Mapping[str, int]]:
    """Return counts by hour or day, the oldest first; with those without failures between, unless too many."""
    ordered = dict(sorted(counts.items()))
    first, *others = times = [parse_timestamp(text) for text in ordered]
    last = times[-1]
    if first is None or last is None or None in others or (last - first) / step >= MOST_ROWS:
        return ordered
    whole = [rfc3339(first + at * step) for at in range(int((last - first) / step) + 1)]
    nothing: Mapping[str, int] = {}
    return {text: ordered.get(text, nothing) for text in (text[: len(next(iter(ordered)))] for text in whole)}


def _time(text: str) -> str:
    """``2026-01-31 09:00`` for an hour, the date for a day."""
    return text.replace("T", " ").removesuffix(":00Z") if parse_timestamp(text) else text


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: -each[1])


def _counts(screen: Screen, title: str, rows: Sequence[tuple[tuple[str, str], int]]) -> None:
    columns = (Column(title, flexible=True), Column("FAILURES", right=True))
    screen.table(columns, [(((name, look),), f"{count:,}") for (name, look), count in rows])
