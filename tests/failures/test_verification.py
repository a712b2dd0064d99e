"""Verification: records of the stream compared with objects and failures."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.aws.stream_records import EventRecord
from pipectl.errors import AbsentError
from pipectl.failures.model import Failure, Record, SequenceNumber, StreamRange
from pipectl.failures.stream_reader import Shard, StreamReader
from pipectl.failures.verification import RecordState, VerificationIndex, find_objects, read_lost
from pipectl.timestamps import rfc3339
from tests.failures.fakes import SHARD as WORLD_SHARD
from tests.failures.fakes import STREAM_ARN, Process, World
from tests.failures.running import reader
from tests.support import ROOT, FakeClock

SHARD = Shard("arn:/stream/1", "a")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def index() -> Iterator[VerificationIndex]:
    with closing(VerificationIndex()) as index:
        yield index


def _record(number: int, seconds: int = 0, digits: int = 21, name: str = "") -> Record:
    event: EventRecord = {
        "eventID": name or f"id-{number}",
        "eventName": "MODIFY",
        "dynamodb": {
            "SequenceNumber": f"{number:0{digits}}",
            "ApproximateCreationDateTime": int(MOMENT.timestamp()) + seconds,
            "Keys": {"orderId": {"S": str(number)}},
        },
    }
    return Record.of(event)


def _number(number: int, digits: int = 21) -> SequenceNumber:
    return SequenceNumber(number, f"{number:0{digits}}")


def _range(first: int, last: int, digits: int = 21) -> StreamRange:
    return StreamRange("arn:/stream/1", "a", _number(first, digits), _number(last, digits))


def _left(index: VerificationIndex) -> list[int]:
    return [record.sequence_number.value for record in index.lost(1000)]


def _failure(first: int, last: int, since: int = 0, until: int = 1000, **item: object) -> Failure:
    """Return an unresolved failure whose records arrived between two seconds after `MOMENT`."""
    times = [rfc3339(MOMENT + timedelta(seconds=seconds)) for seconds in (since, until)]
    stream: dict[str, object] = {"arn": "arn:/stream/1", "shardId": "a"}
    stream |= {"startSequenceNumber": f"{first:021}", "endSequenceNumber": f"{last:021}"}
    stream |= {"firstArrival": times[0], "lastArrival": times[1]}
    return Failure({"auditId": "f", "timestamp": times[1], "stream": stream, "replayStatus": "OPEN"} | item)


def test_sequence_numbers_are_ordered_by_value(index: VerificationIndex) -> None:
    largest = 10**21 - 1  # the next number has a digit more
    for number in (largest, largest + 1, largest + 2):
        index.add(SHARD, _record(number))
    index.mark_failed(_failure(largest + 1, largest + 1))
    assert _left(index) == [largest, largest + 2]
    (lost,) = index.lost_ranges()
    assert (lost.first.text, lost.last.text) == (str(largest), str(largest + 2))


def test_a_sequence_number_keeps_its_written_form(index: VerificationIndex) -> None:
    index.add(SHARD, _record(7))
    assert [str(record.sequence_number) for record in index.lost(2)] == [f"{7:021}"]


def test_a_record_that_is_read_twice_counts_once(index: VerificationIndex) -> None:
    for _ in range(2):
        index.add(SHARD, _record(1))
    assert index.count(RecordState.LOST) == 1
    index.mark_stored("2026/01/01", ["id-1.json"])
    index.add(SHARD, _record(1))
    assert (index.count(RecordState.LOST), index.count(RecordState.STORED)) == (0, 1)


def test_a_record_with_object_and_failure_counts_as_stored(index: VerificationIndex) -> None:
    for number in range(4):
        index.add(SHARD, _record(number))
    index.mark_failed(_failure(0, 1))
    index.mark_stored("2026/01/01", ["id-1.json", "id-2.json", "unknown.json"])
    index.mark_failed(_failure(2, 2))
    assert [index.count(state) for state in (RecordState.FAILED, RecordState.STORED)] == [1, 2]
    assert _left(index) == [3]


@pytest.mark.parametrize(
    ("failure", "left"),
    [
        (_failure(2, 3), [4, 5]),
        (_failure(0, 3), [4, 5]),  # the stream has trimmed the beginning
        (_failure(0, 10**21 - 1), [2, 3, 4, 5]),
        (_failure(2, 6), [2, 3, 4, 5]),
        (_failure(2, 5, since=4, until=4), [2]),
        (_failure(2, 5, since=100), [2, 3, 4, 5]),
        (_failure(2, 5, failingRecords=[{"sequenceNumber": f"{4:021}", "error": "no"}]), [2, 3, 5]),
        (_failure(2, 3, failingRecords=[{"sequenceNumber": f"{4:021}", "error": "no"}]), [2, 3, 4, 5]),
        (_failure(2, 3, failingRecords=[{"sequenceNumber": "?"}]), [4, 5]),
        (_failure(2, 3, failingRecords=[], replayError="try again"), [4, 5]),
        (_failure(2, 5, stream="nowhere"), [2, 3, 4, 5]),
    ],
)
def test_a_failure_covers_only_its_own_records(index: VerificationIndex, failure: Failure, left: list[int]) -> None:
    index.add(SHARD, _record(1, seconds=1), RecordState.UNCHECKED)
    for number in (2, 3, 4, 5):
        index.add(SHARD, _record(number, seconds=number))
    index.mark_failed(failure)
    assert _left(index) == left


def test_an_object_of_another_day_is_another_object(index: VerificationIndex) -> None:
    index.add(SHARD, _record(1))
    index.add(SHARD, _record(2, seconds=86400))
    assert index.places() == {("2026/01/01", "i"): 1, ("2026/01/02", "i"): 1}
    assert index.names("2026/01/02", "i") == ["id-2.json"]
    index.mark_stored("2026/01/01", ["id-2.json"])
    assert _left(index) == [1, 2]


def test_young_records_are_pending(index: VerificationIndex) -> None:
    for number in range(6):
        index.add(SHARD, _record(number, seconds=number))
    index.mark_stored("2026/01/01", ["id-2.json", "id-5.json"])
    assert index.remove_pending(MOMENT + timedelta(seconds=4)) == 1
    assert _left(index) == [0, 1, 3]
    assert index.is_lost(_range(0, 1, 21), _number(1))
    assert not index.is_lost(_range(0, 1, 21), _number(2))
    assert index.count(RecordState.STORED) == 2


def test_all_records_without_object_or_failure_can_be_pending(index: VerificationIndex) -> None:
    for number in range(3):
        index.add(SHARD, _record(number, seconds=number))
    index.mark_stored("2026/01/01", ["id-1.json"])
    assert index.remove_pending(None) == 2
    assert (index.count(RecordState.STORED), _left(index)) == (1, [])


def test_the_oldest_record_counts_in_any_state(index: VerificationIndex) -> None:
    assert index.oldest() is None
    index.add(SHARD, _record(1, seconds=5))
    index.add(SHARD, _record(2, seconds=3), RecordState.UNCHECKED)
    assert index.oldest() == MOMENT + timedelta(seconds=3)


class FakeBucket:
    """A bucket with pages of two keys that notes what it is asked."""

    def __init__(self, *keys: str) -> None:
        self.keys = sorted(keys)
        self.asked: list[str] = []
        self.listed: list[str] = []
        self.lock = threading.Lock()

    def head_object(self, *, Bucket: str, Key: str, ExpectedBucketOwner: str) -> None:  # noqa: N803
        assert (Bucket, ExpectedBucketOwner) == ("bucket", "owner")
        with self.lock:
            self.asked.append(Key)
        if Key not in self.keys:
            raise AbsentError("404", service="s3", aws_code="404")

    def list_objects_v2(self, *, Bucket: str, Prefix: str, StartAfter: str, ExpectedBucketOwner: str) -> Any:  # noqa: N803
        assert (Bucket, ExpectedBucketOwner) == ("bucket", "owner")
        with self.lock:
            self.listed.append(Prefix)
        keys = [key for key in self.keys if key.startswith(Prefix) and key > StartAfter]
        return {"IsTruncated": len(keys) > 2, "Contents": [{"Key": key} for key in keys[:2]]}


def _find(index: VerificationIndex, bucket: FakeBucket) -> None:
    aws: Any = SimpleNamespace(s3=bucket, account_id="owner", clock=FakeClock())
    find_objects(aws, "bucket", "data", index)


def test_a_few_objects_are_asked_for_one_by_one(index: VerificationIndex) -> None:
    for number in range(20):
        index.add(SHARD, _record(number))
    bucket = FakeBucket("data/2026/01/01/id-1.json", "data/2026/01/01/id-2.json.bak", "data/2026/01/02/id-3.json")
    _find(index, bucket)
    assert (index.count(RecordState.STORED), index.count(RecordState.LOST)) == (1, 19)
    assert (len(bucket.asked), bucket.listed) == (20, [])


def test_many_objects_are_listed_by_day_and_first_character(index: VerificationIndex) -> None:
    for number in range(21):
        for shard, first in enumerate("a0"):
            for day in (0, 1):
                record = _record(number, seconds=86400 * day, name=f"{first}{number}")
                index.add(Shard("arn:/stream/1", f"{shard}-{day}"), record)
    stored = [f"data/2026/01/0{day}/{first}{number}.json" for day in (1, 2) for first in "a0" for number in range(20)]
    bucket = FakeBucket(*stored, "data/2026/01/01/b1.json")
    _find(index, bucket)
    assert (index.count(RecordState.STORED), index.count(RecordState.LOST)) == (80, 4)
    assert sorted(set(bucket.listed)) == [f"data/2026/01/0{day}/{first}" for day in (1, 2) for first in "0a"]
    assert bucket.asked == []


def test_a_listing_jumps_over_objects_of_no_record(index: VerificationIndex) -> None:
    for number in range(21):
        index.add(SHARD, _record(number, name=f"a{number:02}0"))
    bucket = FakeBucket(*(f"data/2026/01/01/a{number:03}.json" for number in range(300)))
    _find(index, bucket)
    assert index.count(RecordState.LOST) == 0
    assert len(bucket.listed) <= 22


def test_only_lost_records_are_read_again(index: VerificationIndex) -> None:
    world = World()
    world.orders(4)
    shard = Shard(STREAM_ARN, WORLD_SHARD)
    process = Process(world)
    for reading in StreamReader(process.aws, shard).read():
        if isinstance(reading, Record):
            index.add(shard, reading)
    index.mark_stored("2026/01/01", ["event-1.json"])
    found = [record.event["eventID"] for record in read_lost(reader(process), index)]
    assert found == ["event-0", "event-2", "event-3"]


MANY = """
import resource
from tests.failures.test_verification import SHARD, VerificationIndex, _record
index = VerificationIndex()
for number in range(60_000):
    index.add(SHARD, _record(number))
index.mark_stored("2026/01/01", (f"id-{number}.json" for number in range(0, 60_000, 2)))
assert len(index.lost(1000)) == 1000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
LAUNCHER = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_records() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LAUNCHER, "-c", MANY], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 85, "60,000 rows in memory take 50 MB more"
