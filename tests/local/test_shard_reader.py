"""Reading one shard, batch by batch."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pipectl.local.shard_reader import Position, ShardReader
from tests.local.fake_stream import ARN, FakeStream, Shard, record, refused


def reader(stream: FakeStream, position: Position | None = None, start: str = "TRIM_HORIZON") -> ShardReader:
    return ShardReader(stream, ARN, "shard-1", position or Position(), start)


def stream(*numbers: int, page: int = 1000) -> FakeStream:
    return FakeStream({"shard-1": Shard([record(number) for number in numbers])}, page)


def read(source: ShardReader, count: int) -> list[int]:
    return [int(item["dynamodb"]["SequenceNumber"]) for item in source.read(count)]


def test_reads_from_the_beginning() -> None:
    source = reader(stream(1, 2, 3))
    assert read(source, 2) == [1, 2]
    assert read(source, 2) == [3]
    assert read(source, 2) == []
    assert not source.closed


def test_continues_after_the_position() -> None:
    assert read(reader(stream(1, 2, 3), Position(after="2")), 10) == [3]


def test_begins_at_the_oldest_record_when_the_position_is_no_longer_in_the_stream() -> None:
    assert read(reader(stream(5, 6), Position(after="2")), 10) == [5, 6]


def test_latest_skips_what_is_there_and_stays_where_it_began() -> None:
    source, position = stream(1), Position()
    assert read(reader(source, position, "LATEST"), 10) == []
    source.shards["shard-1"].records.append(record(2))
    assert read(reader(source, position, "LATEST"), 10) == [2]


def test_a_batch_is_collected_from_several_pages() -> None:
    assert read(reader(stream(1, 2, 3, 4, 5, page=2)), 5) == [1, 2, 3, 4, 5]


def test_a_batch_fits_into_an_invocation_and_the_rest_waits() -> None:
    large = FakeStream({"shard-1": Shard([record(number, "x" * 2_500_000) for number in range(1, 5)])})
    source = reader(large)
    assert [read(source, 10), read(source, 10), read(source, 10)] == [[1, 2], [3, 4], []]


def test_a_single_record_is_never_too_large() -> None:
    assert read(reader(FakeStream({"shard-1": Shard([record(1, "x" * 7_000_000)])})), 10) == [1]


def test_a_closed_shard_ends() -> None:
    source = reader(FakeStream({"shard-1": Shard([record(1)], open=False)}))
    assert read(source, 10) == [1]
    assert source.closed


def test_an_expired_iterator_is_replaced() -> None:
    records, position = stream(1, 2, 3), Position()
    source = reader(records, position)
    assert read(source, 2) == [1, 2]
    position.after = "2"
    records.errors = [refused("ExpiredIteratorException")]
    assert read(source, 2) == [3]


def test_other_errors_are_raised() -> None:
    records = stream(1)
    records.errors = [refused("AccessDeniedException")]
    with pytest.raises(ClientError):
        reader(records).read(1)
