"""The time for which a record can wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipectl.facts import MappingFacts, waiting_retention


@pytest.mark.parametrize(
    ("state", "record_age", "hours"),
    [
        ("Enabled", 43200, 12),
        ("Enabled", 604800, 24),
        ("Enabled", -1, 24),
        ("Disabled", 43200, 24),
        ("Updating", 43200, 12),
    ],
)
def test_a_record_waits_until_the_stream_or_a_mapping_that_reads_discards_it(
    state: str, record_age: int, hours: int
) -> None:
    mapping = MappingFacts("uuid", "arn", state, record_age=record_age)
    assert waiting_retention(mapping) == timedelta(hours=hours)


def test_without_a_mapping_a_record_waits_for_as_long_as_the_stream_keeps_it() -> None:
    assert waiting_retention(None) == timedelta(hours=24)
