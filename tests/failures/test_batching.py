"""Ranges that are merged, and records that are cut into batches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipectl.aws.stream_records import EventRecord
from pipectl.failures.batching import LARGEST_PAYLOAD, batches, merged
from pipectl.failures.model import Failure, SequenceNumber, StreamRange
from tests.failures.fakes import LARGEST_EVENT
from tests.failures.test_processor_client import record


def cut(records: Iterable[EventRecord], most: int) -> list[list[EventRecord]]:
    return list(batches(records, most, lambda each: each))


class TestBatches:
    def test_are_cut_by_number(self) -> None:
        assert [len(batch) for batch in cut(map(record, range(250)), 100)] == [100, 100, 50]

    def test_are_cut_by_the_size_of_an_event(self) -> None:
        large = [record(number, 1_300_000) for number in range(9)]
        sizes = [len(json.dumps({"Records": batch})) for batch in cut(large, 100)]
        assert sum(len(batch) for batch in cut(large, 100)) == 9
        assert max(sizes) < LARGEST_EVENT

    def test_are_measured_in_bytes(self) -> None:
        large: Any = [{**record(number), "note": "é" * 900_000} for number in range(3)]  # six bytes each in JSON
        assert [len(batch) for batch in cut(large, 100)] == [1, 1, 1]

    def test_a_record_larger_than_an_event_is_a_batch_alone(self) -> None:
        assert [len(c) for c in cut([record(1), record(2, LARGEST_PAYLOAD + 1), record(3)], 9)] == [1, 1, 1]

    def test_of_no_records_are_none(self) -> None:
        assert list(cut([], 100)) == []


def located(name: str, first: int, last: int, shard: str = "a") -> tuple[StreamRange, Failure]:
    numbers = SequenceNumber(first, f"{first:021}"), SequenceNumber(last, f"{last:021}")
    return StreamRange("arn", shard, *numbers), Failure({"auditId": name, "timestamp": ""})


class TestMerged:
    def test_ranges_that_overlap_or_touch_are_merged(self) -> None:
        failures = [located(*each) for each in [("c", 8, 9), ("a", 1, 3), ("b", 3, 5), ("d", 6, 6), ("e", 20, 30)]]
        found = [(where.first.value, where.last.value, len(inside)) for where, inside in merged(failures)]
        assert found == [(1, 6, 3), (8, 9, 1), (20, 30, 1)]

    def test_a_range_inside_another_does_not_shorten_it(self) -> None:
        ((where, inside),) = merged([located("a", 1, 9), located("b", 2, 3)])
        assert (where.first.value, where.last.text, len(inside)) == (1, f"{9:021}", 2)

    def test_ranges_of_different_shards_are_not_merged(self) -> None:
        assert [where.shard_id for where, _ in merged([located("a", 1, 2, "b"), located("b", 1, 2, "a")])] == ["a", "b"]
