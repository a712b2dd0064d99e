"""Facts about failures before they are replayed: the places of their records, and the versions that failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipectl.aws.stream_records import Cause
from pipectl.failures.explanation import Explanation, FailedOrder, Safety
from pipectl.failures.model import Failure, SequenceNumber
from pipectl.failures.replay_preview import Counts, ProcessorVersions, RecordPlaces
from tests.failures.fakes import SHARD, STREAM_ARN

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, LAST = "1" * 21, "2" * 21


def failure(first: str = FIRST, last: str = FIRST, age: timedelta = HOUR, **item: Any) -> Failure:
    arrived = (NOW - age).isoformat()
    where = {"arn": STREAM_ARN, "shardId": SHARD, "startSequenceNumber": first, "endSequenceNumber": last}
    stream = where | {"firstArrival": arrived, "lastArrival": arrived} | item.pop("stream", {})
    return Failure({"auditId": "a", "timestamp": arrived, "replayStatus": "OPEN", "stream": stream} | item)


def explained(
    safety: Safety,
    found: Failure | None = None,
    *,
    quarantined: int = 0,
    records: int | None = 1,
    until: datetime | None = None,
    version: str | None = None,
    at_most: bool = False,
) -> Explanation:
    number, cause = SequenceNumber(int(FIRST), FIRST), Cause("KeyError", function_version=version)
    orders = tuple(FailedOrder(number, "o-1", None, cause, True) for _ in range(quarantined))
    orders = orders or (FailedOrder(number, "o-1", None, cause, False),)
    return Explanation(found or failure(), orders, None, at_most, safety, until, records)


def places(*explanations: Explanation) -> RecordPlaces:
    return RecordPlaces.of(explanations, NOW)


def test_quarantined_records_may_be_in_the_stream_too() -> None:
    old = failure(age=25 * HOUR)
    found = places(explained(Safety.QUARANTINED, quarantined=1), explained(Safety.QUARANTINED, old, quarantined=1))
    assert found == RecordPlaces(stream=1, quarantine=2)


def test_a_range_that_is_partly_in_the_quarantine() -> None:
    found = places(explained(Safety.STREAM, quarantined=2, records=5, until=NOW + HOUR, at_most=True))
    assert found == RecordPlaces(5, 2, only_stream=3, until=NOW + HOUR, at_most=True)


def test_the_first_expiry_counts_also_when_it_has_passed() -> None:
    later, passed = (explained(Safety.STREAM, until=NOW + hours) for hours in (HOUR, -HOUR))
    assert places(later, passed).until == NOW - HOUR


def test_records_in_neither_place_and_unknown_ones() -> None:
    gone = explained(Safety.GONE, quarantined=1, records=3)
    assert places(gone, explained(Safety.UNKNOWN, records=None)) == RecordPlaces(quarantine=1, neither=2, unknown=1)


@pytest.mark.parametrize(
    ("item", "version", "live", "expected"),
    [
        ({}, "3", "3", ProcessorVersions("3", unchanged=1)),
        ({}, "2", "3", ProcessorVersions("3", changed=1)),
        ({}, None, "3", ProcessorVersions("3", unknown=1)),
        ({}, "3", None, ProcessorVersions(None, unknown=1)),
        ({"replayedVersion": "3"}, "2", "3", ProcessorVersions("3", unchanged=1)),
        ({"replayedVersion": Decimal(3)}, "2", "3", ProcessorVersions("3", changed=1)),
        ({"replayStatus": "REPLAYED"}, "3", "3", ProcessorVersions("3")),
    ],
)
def test_the_version_of_the_last_try_counts(
    item: dict[str, Any], version: str | None, live: str | None, expected: ProcessorVersions
) -> None:
    explanation = explained(Safety.QUARANTINED, failure(**item), quarantined=1, version=version)
    assert ProcessorVersions.of([explanation], live) == expected


@pytest.mark.parametrize(
    ("found", "records"),
    [
        (failure(), 1),
        (failure(last=LAST, stream={"batchSize": Decimal(7)}), 7),
        (failure(last=LAST, stream={"batchSize": Decimal(10**9)}), None),
        (failure(last=LAST, stream={"batchSize": Decimal("NaN")}), None),
        (failure(last=LAST, stream={"batchSize": "many"}), None),
        (failure(first="none"), 0),
    ],
)
def test_the_number_of_records_is_known_or_not(found: Failure, records: int | None) -> None:
    counts = Counts("", None)
    counts.add(found, NOW)
    assert counts.records == records


@pytest.mark.parametrize(
    ("until", "claimed"),
    [
        ((NOW + HOUR / 2).isoformat(), 1),
        ((NOW - HOUR).isoformat(), 0),
        ((NOW + 9 * HOUR).isoformat(), 0),
        ("soon", 0),
        (None, 0),
    ],
)
def test_a_claim_counts_while_it_is_in_force(until: str | None, claimed: int) -> None:
    counts = Counts("", None)
    counts.add(failure(claimedUntil=until), NOW)
    assert counts.claimed == claimed
