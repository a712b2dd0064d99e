"""Failures on the page of `report`: the unresolved ones by urgency, and all of a period by cause and time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipectl.commands.audit_stats import FailureCounts, is_by_hour
from pipectl.failures.explanation import Explanation, Safety
from pipectl.failures.model import short_ids
from pipectl.monitoring.unresolved import Unresolved
from pipectl.output import looks
from pipectl.output.audit import tries_shown
from pipectl.output.console import Line
from pipectl.output.explanation import data_shown, orders_of, reason_shown
from pipectl.output.svg import Tone, number
from pipectl.timestamps import parse_timestamp, rfc3339

MOST_ROWS = 200
"""Failures that the page lists."""
MOST_SHOWN = 10
"""Failures that it shows at once."""
MOST_BARS = 62
MOST_CAUSES = 10
_HOUR = timedelta(hours=1)
_HEIGHT = 100
_STEP = 10
"""Width of a bar with the gap behind it."""
_URGENCY = (Safety.STREAM, Safety.UNKNOWN, Safety.GONE, Safety.QUARANTINED)
"""Places of records, the one from which records are lost first at the beginning."""
_TONES = {looks.GOOD: Tone.GOOD, looks.BAD: Tone.BAD, looks.ATTENTION: Tone.ATTENTION}


@dataclass(frozen=True)
class Row:
    """An unresolved failure.

    Args:
        audit_id: The beginning of its id.
        orders: Its orders.
        reason: Its reason.
        at: The time of the failure, if it is known.
        status: Its status.
        tries: The number of invocations.
        records: The place of its records in words.
        tone: The colour of the place.
    """

    audit_id: str
    orders: str
    reason: str
    at: datetime | None
    status: str
    tries: str
    records: str
    tone: Tone


@dataclass(frozen=True)
class Place:
    """Failures whose records are in one place."""

    count: int
    words: str
    tone: Tone


@dataclass(frozen=True)
class Bar:
    """Failures of an hour or a day."""

    time: str
    count: int
    types: str


@dataclass(frozen=True)
class Times:
    """Failures over time.

    Args:
        unit: ``hour`` or ``day``.
        bars: Each hour or day, the oldest first.
        highest: The largest number.
        earlier: Failures before the first bar.
        others: Failures after the last bar, or without a valid time.
        drawn: The bars as the elements of an SVG picture.
        size: The size of the picture, as its view box has it.
    """

    unit: str
    bars: tuple[Bar, ...]
    highest: int
    earlier: int
    others: int
    drawn: str
    size: str


def rows(found: Unresolved, now: datetime) -> list[Row]:
    """Return the unresolved failures, those whose records are lost first at the beginning."""
    ordered = sorted(found.explanations, key=lambda each: _urgency(each, now))[:MOST_ROWS]
    names = short_ids([each.failure.audit_id for each in ordered])
    return [_row(each, names[each.failure.audit_id], now) for each in ordered]


def _urgency(each: Explanation, now: datetime) -> tuple[bool, datetime, int, str]:
    until = each.until if each.safety in (Safety.STREAM, Safety.UNKNOWN) else None
    return until is None, until or now, _URGENCY.index(each.safety), each.failure.timestamp


def _row(each: Explanation, audit_id: str, now: datetime) -> Row:
    failure, data = each.failure, data_shown([each], now)
    reason = reason_shown(each.reason) if each.reason else each.without_reason
    orders = orders_of(each) or "not known"
    at, status = parse_timestamp(failure.timestamp), str(failure.status)
    return Row(audit_id, orders, reason, at, status, tries_shown(each), joined(data), _tone(data))


def places(found: Unresolved, now: datetime) -> Iterator[Place]:
    """Yield the places of the records, each with the number of failures; the most urgent one first."""
    for safety in _URGENCY:
        members = [each for each in found.explanations if each.safety is safety]
        if members:
            data = data_shown(members, now)
            yield Place(len(members), joined(data), _tone(data))


def joined(line: Line) -> str:
    """Return a line without its looks."""
    return "".join(part if isinstance(part, str) else part[0] for part in line)


def _tone(line: Line) -> Tone:
    found = [_TONES[part[1]] for part in line if not isinstance(part, str) and part[1] in _TONES]
    return found[0] if found else Tone.PLAIN


def times(found: FailureCounts) -> Times:
    """Return the failures of the period by hour; of a long period by day, the newest `MOST_BARS` days at most."""
    by_hour = is_by_hour(found.since, found.until or found.read_at)
    names, counts = (_hours(found), found.by_hour) if by_hour else (_days(found), found.by_day)
    bars = tuple(_bar(name, counts.get(name, {})) for name in names)
    highest = max((bar.count for bar in bars), default=0)
    earlier = sum(sum(types.values()) for name, types in counts.items() if name < names[0])
    others = max(found.total - earlier - sum(bar.count for bar in bars), 0)
    unit = "hour" if by_hour else "day"
    return Times(unit, bars, highest, earlier, others, _drawn(bars, highest), _size(len(bars)))


def _hours(found: FailureCounts) -> list[str]:
    """Return each hour of the period, as the counts have it; at least the last one: a clock can be ahead."""
    first, last = (
        time.replace(minute=0, second=0, microsecond=0) for time in (min(found.since, found.read_at), found.read_at)
    )
    return [rfc3339(first + at * _HOUR) for at in range(int((last - first) / _HOUR) + 1)]


def _days(found: FailureCounts) -> list[str]:
    """Return each day of the period: at least the last one, at most the newest `MOST_BARS`."""
    last = found.read_at.date()
    count = max(1, min((last - found.since.date()).days + 1, MOST_BARS))
    return [str(last - timedelta(days=count - 1 - at)) for at in range(count)]


def _bar(time: str, types: Mapping[str, int]) -> Bar:
    shown = ", ".join(f"{count:,} {name}" for name, count in sorted(types.items(), key=lambda each: -each[1]) if count)
    return Bar(time, sum(types.values()), shown)


def _size(count: int) -> str:
    return f"0 0 {max(count, 1) * _STEP} {_HEIGHT}"


def _drawn(bars: Sequence[Bar], highest: int) -> str:
    """Draw the bars. A failure among thousands still has a bar that can be seen."""
    drawn = []
    for at, bar in enumerate(bars):
        height = max(bar.count / highest * _HEIGHT, 3) if bar.count else 0.6
        tone = "bar" if bar.count else "none"
        place = f'x="{at * _STEP + 1}" y="{number(_HEIGHT - height)}" width="{_STEP - 2}" height="{number(height)}"'
        drawn.append(f'<rect class="{tone}" {place}/>')
    return "".join(drawn)


def listed(counts: Mapping[str, int]) -> str:
    """``200 OPEN, 5 REPLAYED``."""
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda each: -each[1]))
