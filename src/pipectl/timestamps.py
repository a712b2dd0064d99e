"""Times as text. All times are formatted and parsed here.

Written in UTC, as RFC 3339 with ``Z``. Parsed leniently: every ISO 8601 form that Python reads; without an offset a
time is UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=2)
"""Other times are not accepted, so that a stream's retention can be added to and taken from every parsed time."""


def rfc3339(time: datetime) -> str:
    """``2026-01-31T12:00:00Z``: UTC, to the second."""
    return _utc(time).isoformat(timespec="seconds").replace("+00:00", "Z")


def rfc3339_milliseconds(time: datetime) -> str:
    """``2026-01-31T12:00:00.000Z``: UTC with a fixed width, so that two of them compare as text."""
    return _utc(time).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_timestamp(text: object) -> datetime | None:
    """Return an ISO 8601 text as a time in UTC, or ``None`` when it is not a time or out of range."""
    try:
        time = _utc(datetime.fromisoformat(str(text)))
    except (ValueError, OverflowError):
        return None
    return time if _EARLIEST < time < _LATEST else None


def short_time(time: datetime, now: datetime, *, seconds: bool = True) -> str:
    """``00:07:59`` or ``00:07`` in UTC, or ``2026-01-30 00:07:59`` for another day than that of ``now``."""
    time = _utc(time)
    day = "" if time.date() == _utc(now).date() else f"{time:%Y-%m-%d} "
    return f"{day}{time:%H:%M:%S}" if seconds else f"{day}{time:%H:%M}"


def relative(time: datetime, now: datetime) -> str:
    """``15 min ago``, or ``in 15 min`` for a time after ``now``."""
    return f"{duration(now - time)} ago" if time <= now else f"in {duration(time - now)}"


def duration(span: timedelta) -> str:
    """``45 s``, ``15 min``, ``2.1 h`` or ``3.5 days``; the sign is dropped."""
    seconds = abs(span.total_seconds())
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if seconds < 3570:
        return f"{seconds / 60:.0f} min"
    if seconds < 47.95 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def expiry(left: timedelta) -> str:
    """``expire in 23.5 h``, or ``began to expire 2.0 h ago`` where no time is left."""
    return f"expire in {duration(left)}" if left > timedelta(0) else f"began to expire {duration(left)} ago"


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
