"""Times as text: written in UTC, parsed leniently, shown relative to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipectl.timestamps import duration, parse_timestamp, relative, rfc3339, rfc3339_milliseconds, short_time

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
IN_NEW_YORK = NOW.astimezone(timezone(timedelta(hours=-5)))


@pytest.mark.parametrize("time", [NOW, IN_NEW_YORK])
def test_times_are_written_in_utc(time: datetime) -> None:
    assert rfc3339(time) == "2026-01-02T03:04:05Z"
    assert rfc3339_milliseconds(time) == "2026-01-02T03:04:05.678Z"


def test_milliseconds_have_a_fixed_width_so_that_times_compare_as_text() -> None:
    assert rfc3339_milliseconds(NOW.replace(microsecond=0)) == "2026-01-02T03:04:05.000Z"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-01T00:00:00+02:00", datetime(2025, 12, 31, 22, tzinfo=UTC)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00.5Z", datetime(2026, 1, 1, microsecond=500_000, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("soon", None),
        (None, None),
    ],
)
def test_a_time_is_parsed_as_utc_or_is_none(text: object, time: datetime | None) -> None:
    assert parse_timestamp(text) == time


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=59.6), "1 min"),
        (timedelta(minutes=15), "15 min"),
        (timedelta(minutes=59, seconds=40), "1.0 h"),
        (timedelta(hours=2.1), "2.1 h"),
        (timedelta(hours=-2.1), "2.1 h"),
        (timedelta(days=3.5), "3.5 days"),
    ],
)
def test_a_duration_has_one_unit(span: timedelta, text: str) -> None:
    assert duration(span) == text


def test_a_relative_time_names_its_direction() -> None:
    assert relative(NOW - timedelta(minutes=15), NOW) == "15 min ago"
    assert relative(NOW + timedelta(hours=2), NOW) == "in 2.0 h"


def test_a_short_time_has_a_date_only_on_another_day() -> None:
    assert short_time(IN_NEW_YORK, NOW) == "03:04:05"
    assert short_time(NOW - timedelta(days=1), IN_NEW_YORK) == "2026-01-01 03:04:05"
    assert short_time(NOW, NOW, seconds=False) == "03:04"
    assert short_time(NOW - timedelta(days=1), NOW, seconds=False) == "2026-01-01 03:04"
