"""All records of a table's streams are read, through every kind of answer."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.errors import AbsentError, AwsError
from pipectl.failures.model import End, Record
from pipectl.failures.stream_reader import Shard, StreamReader, read_shards, shards_of
from tests.support import FakeClock

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"
OLD = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2025-12-31T00:00:00.000"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = MOMENT + timedelta(days=1)


def _error(code: str) -> AwsError:
    kind = AbsentError if code == "ResourceNotFoundException" else AwsError
    return kind(code, service="dynamodbstreams", aws_code=code)


class FakeStreams:
    """Streams with scripted pages. A page is a list of sequence numbers, or an error.

    A shard that is closed has no iterator after its last page; an open one answers empty pages for ever.
    """

    def __init__(self, shards: dict[tuple[str, str], list[list[int] | str]], parents: dict[str, str] | None = None):
        self.shards = shards
        self.parents = parents or {}
        self.closed: set[str] = set()
        self.trimmed: set[int] = set()
        self.asked: dict[str, int] = defaultdict(int)
        self.iterators: list[tuple[str, str | None]] = []

    def list_streams(self, **request: Any) -> dict[str, Any]:
        arns = sorted({arn for arn, _ in self.shards})
        start = arns.index(request["ExclusiveStartStreamArn"]) + 1 if "ExclusiveStartStreamArn" in request else 0
        last = {"LastEvaluatedStreamArn": arns[start]} if start + 1 < len(arns) else {}
        return {"Streams": [{"StreamArn": arn} for arn in arns[start : start + 1]], **last}

    def describe_stream(self, **request: Any) -> dict[str, Any]:
        shards = [shard for arn, shard in self.shards if arn == request["StreamArn"]]
        if not shards:
            raise _error("ResourceNotFoundException")
        start = shards.index(request["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in request else 0
        last = {"LastEvaluatedShardId": shards[start]} if start + 1 < len(shards) else {}
        described = [
            {"ShardId": shard, "ParentShardId": self.parents.get(shard)} for shard in shards[start : start + 1]
        ]
        return {"StreamDescription": {"Shards": described, **last}}

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        after = request.get("SequenceNumber")
        self.iterators.append((request["ShardIteratorType"], after))
        if after and int(after) in self.trimmed:
            raise _error("TrimmedDataAccessException")
        return {"ShardIterator": f"{request['StreamArn']}|{request['ShardId']}"}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        arn, shard = ShardIterator.split("|")
        place, pages = self.asked[shard], self.shards[arn, shard]
        self.asked[shard] += 1
        page = pages[place] if place < len(pages) else []
        if isinstance(page, str):
            raise _error(page)
        ended = shard in self.closed and place + 1 >= len(pages)
        return {"Records": [_raw(number) for number in page], **({} if ended else {"NextShardIterator": ShardIterator})}


def _raw(number: int) -> dict[str, Any]:
    at = MOMENT + timedelta(seconds=number)
    return {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"{number:021}", "ApproximateCreationDateTime": at}}


def _aws(streams: FakeStreams) -> Any:
    return SimpleNamespace(streams=streams, clock=FakeClock())


def _numbers(streams: FakeStreams) -> list[int]:
    readings = list(StreamReader(_aws(streams), Shard(ARN, "a")).read())
    assert isinstance(readings[-1], End)
    return [reading.number.value for reading in readings if isinstance(reading, Record)]


@pytest.mark.parametrize(
    ("pages", "numbers"),
    [
        ([], []),
        ([[1, 2], [3]], [1, 2, 3]),
        ([[], [1], [], [], [], [2], []], [1, 2]),
        ([[1], "ExpiredIteratorException", [2]], [1, 2]),
        ([[1], [], "TrimmedDataAccessException", [5]], [1, 5]),
        (["ResourceNotFoundException"], []),
        ([[1], "ResourceNotFoundException"], [1]),
    ],
)
@pytest.mark.parametrize("closed", [False, True])
def test_a_shard_is_read_to_its_end(pages: list[list[int] | str], numbers: list[int], closed: bool) -> None:
    streams = FakeStreams({(ARN, "a"): pages})
    streams.closed |= {"a"} if closed else set()
    assert _numbers(streams) == numbers


def test_a_closed_shard_is_read_without_an_empty_page() -> None:
    streams = FakeStreams({(ARN, "a"): [[1], [2]]})
    streams.closed.add("a")
    _numbers(streams)
    assert streams.asked["a"] == 2


def test_an_expired_iterator_is_replaced_by_one_after_the_last_record() -> None:
    streams = FakeStreams({(ARN, "a"): ["ExpiredIteratorException", [1, 2], "ExpiredIteratorException", [3]]})
    _numbers(streams)
    assert streams.iterators[:3] == [
        ("TRIM_HORIZON", None),
        ("TRIM_HORIZON", None),
        ("AT_SEQUENCE_NUMBER", f"{2:021}"),
    ]


def test_after_an_expired_last_record_reading_continues_at_the_oldest() -> None:
    streams = FakeStreams({(ARN, "a"): [[1, 2], "ExpiredIteratorException", [9]]})
    streams.trimmed.add(2)
    assert _numbers(streams) == [1, 2, 9]
    assert streams.iterators[-1] == ("TRIM_HORIZON", None)


def test_any_other_error_is_raised() -> None:
    with pytest.raises(AwsError, match="AccessDeniedException"):
        _numbers(FakeStreams({(ARN, "a"): ["AccessDeniedException"]}))


def test_all_streams_of_the_table_have_their_shards_listed_page_by_page() -> None:
    streams = FakeStreams({(ARN, "a"): [], (ARN, "b"): [], (OLD, "c"): []}, {"b": "a"})
    shards = shards_of(_aws(streams), "orders", ARN)
    assert shards == [Shard(ARN, "a"), Shard(ARN, "b", "a"), Shard(OLD, "c")]


def test_a_stream_that_was_deleted_after_its_listing_has_no_shards() -> None:
    assert shards_of(_aws(FakeStreams({(ARN, "a"): []})), "orders", OLD) == [Shard(ARN, "a")]


def _read(streams: FakeStreams, until: datetime = LATER) -> list[tuple[str, int]]:
    taken: list[tuple[str, int]] = []

    def take(shard: Shard, record: Record) -> None:
        taken.append((shard.shard_id, record.number.value))

    aws = _aws(streams)
    read_shards(aws, shards_of(aws, "orders", ARN), until, take)
    return taken


def test_a_parent_is_read_before_its_children() -> None:
    places: dict[tuple[str, str], list[list[int] | str]] = {
        (ARN, "child"): [[3]],
        (ARN, "grandchild"): [[4]],
        (ARN, "parent"): [[1], [], [2]],
    }
    streams = FakeStreams(places, {"child": "parent", "grandchild": "child", "parent": "expired"})
    assert _read(streams) == [("parent", 1), ("parent", 2), ("child", 3), ("grandchild", 4)]


def test_a_busy_shard_is_left_at_the_first_newer_record() -> None:
    streams = FakeStreams({(ARN, "a"): [[1, 2], [3, 4], [5]]})
    assert _read(streams, MOMENT + timedelta(seconds=3)) == [("a", 1), ("a", 2), ("a", 3)]
    assert streams.asked["a"] == 2


def test_a_shard_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(AwsError, match="AccessDeniedException"):
        _read(FakeStreams({(ARN, "a"): [[1]], (ARN, "b"): ["AccessDeniedException"]}))
