"""Records, objects and failures brought together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipectl.failures.ledger import Ledger, Settled
from pipectl.failures.model import StreamRange
from pipectl.failures.stream import StreamShard
from tests.support import ROOT

SHARD = StreamShard("arn", "a")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = MOMENT + timedelta(days=1000)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with closing(Ledger()) as ledger:
        yield ledger


def _record(number: int, seconds: int = 0, digits: int = 21) -> dict[str, Any]:
    return {
        "eventID": f"id-{number}",
        "eventName": "MODIFY",
        "dynamodb": {
            "SequenceNumber": f"{number:0{digits}}",
            "ApproximateCreationDateTime": int(MOMENT.timestamp()) + seconds,
            "Keys": {"orderId": {"S": str(number)}},
        },
    }


def _left(ledger: Ledger) -> list[int]:
    return [int(record.sequence_number) for record in ledger.lost(1000)]


def test_numbers_are_ordered_as_numbers_however_they_are_written(ledger: Ledger) -> None:
    for number in (9, 10, 100):
        ledger.add(SHARD, _record(number, digits=1))
    ledger.found_failure(StreamRange("arn", "a", 10, 99, 2))
    assert _left(ledger) == [9, 100]
    assert [record.sequence_number for record in ledger.lost(2)] == ["9", "100"]
    assert ledger.lost_stretches() == [StreamRange("arn", "a", 9, 100, 1)]


def test_a_record_that_is_read_twice_counts_once(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.add(SHARD, _record(1))
    assert ledger.count(Settled.NEITHER) == 1
    ledger.found_objects("2026/01/01", ["id-1.json"])
    ledger.add(SHARD, _record(1))
    assert (ledger.count(Settled.NEITHER), ledger.count(Settled.STORED)) == (0, 1)


def test_what_is_stored_and_failed_is_stored(ledger: Ledger) -> None:
    for number in range(4):
        ledger.add(SHARD, _record(number))
    ledger.found_failure(StreamRange("arn", "a", 0, 1, 21))
    ledger.found_objects("2026/01/01", ["id-1.json", "id-2.json", "unknown.json"])
    ledger.found_failure(StreamRange("arn", "a", 2, 2, 21))
    assert [ledger.count(state) for state in (Settled.FAILED, Settled.STORED)] == [1, 2]
    assert _left(ledger) == [3]


def test_objects_of_the_same_name_on_another_day_are_others(ledger: Ledger) -> None:
    ledger.add(SHARD, _record(1))
    ledger.add(SHARD, _record(2, seconds=86400))
    assert ledger.days() == ["2026/01/01", "2026/01/02"]
    ledger.found_objects("2026/01/01", ["id-2.json"])
    assert _left(ledger) == [1, 2]


def test_young_records_and_those_behind_the_last_are_put_aside(ledger: Ledger) -> None:
    for number in range(6):
        ledger.add(SHARD, _record(number, seconds=number))
    ledger.add(StreamShard("arn", "b"), _record(7))
    ledger.found_objects("2026/01/01", ["id-2.json"])
    assert ledger.put_aside(MOMENT + timedelta(seconds=4), behind_the_last=False) == 2
    assert _left(ledger) == [0, 7, 1, 3]
    assert ledger.put_aside(NEVER, behind_the_last=True) == 2
    assert _left(ledger) == [0, 1]
    assert ledger.is_lost(StreamRange("arn", "a", 0, 1, 21), 1)
    assert not ledger.is_lost(StreamRange("arn", "a", 0, 1, 21), 2)


MANY = """
import resource
from tests.failures.test_ledger import SHARD, Ledger, _record
ledger = Ledger()
for number in range(300_000):
    ledger.add(SHARD, _record(number))
ledger.found_objects("2026/01/01", (f"id-{number}.json" for number in range(0, 300_000, 2)))
assert len(ledger.lost(1000)) == 1000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
LAUNCHER = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)"


def test_memory_does_not_grow_with_the_records() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LAUNCHER, "-c", MANY], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) < 150
