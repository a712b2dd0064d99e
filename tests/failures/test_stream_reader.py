"""All records of a table's streams are read, through every kind of answer."""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.errors import AbsentError, AwsError
from pipectl.facts import TableFacts
from pipectl.failures.model import End, Record
from pipectl.failures.stream_reader import Shard, StreamReader, shards_of
from pipectl.failures.table_reader import StreamReading, TableReader
from tests.support import PATIENCE, FakeClock

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"
OLD = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2025-12-31T00:00:00.000"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = MOMENT + timedelta(days=1)
TABLE = TableFacts(ARN.partition("/stream/")[0], ARN)


def _error(code: str) -> AwsError:
    kind = AbsentError if code == "ResourceNotFoundException" else AwsError
    return kind(code, service="dynamodbstreams", aws_code=code)


class FakeStreams:
    """Streams with scripted pages. A page is a list of sequence numbers, or an error.

    A shard that is closed has no iterator after its last page; an open one answers empty pages for ever. A hidden
    shard is listed once the shard that it is the child of has been read to its end.
    """

    def __init__(self, shards: dict[tuple[str, str], list[list[int] | str]], parents: dict[str, str] | None = None):
        self.shards = shards
        self.parents = parents or {}
        self.closed: set[str] = set()
        self.trimmed: set[int] = set()
        self.listed_as_closed: set[str] = set()
        self.hidden: dict[str, str] = {}
        self.listings = 0
        self.asked: dict[str, int] = defaultdict(int)
        self.iterators: list[tuple[str, str | None]] = []

    def list_streams(self, **request: Any) -> dict[str, Any]:
        arns = sorted({arn for arn, _ in self.shards})
        self.listings += 1
        start = arns.index(request["ExclusiveStartStreamArn"]) + 1 if "ExclusiveStartStreamArn" in request else 0
        last = {"LastEvaluatedStreamArn": arns[start]} if start + 1 < len(arns) else {}
        return {"Streams": [{"StreamArn": arn} for arn in arns[start : start + 1]], **last}

    def describe_stream(self, **request: Any) -> dict[str, Any]:
        shards = [shard for arn, shard in self.shards if arn == request["StreamArn"] and shard not in self.hidden]
        if not shards:
            raise _error("ResourceNotFoundException")
        start = shards.index(request["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in request else 0
        last = {"LastEvaluatedShardId": shards[start]} if start + 1 < len(shards) else {}
        described = [self._described(shard) for shard in shards[start : start + 1]]
        return {"StreamDescription": {"Shards": described, **last}}

    def _described(self, shard: str) -> dict[str, Any]:
        ending = {"EndingSequenceNumber": "9"} if shard in self.listed_as_closed else {}
        parent = {"ParentShardId": self.parents[shard]} if shard in self.parents else {}
        return {"ShardId": shard, "SequenceNumberRange": {"StartingSequenceNumber": "1", **ending}, **parent}

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
        if ended:
            self.hidden = {child: parent for child, parent in self.hidden.items() if parent != shard}
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


def _shards_of(streams: FakeStreams, facts: TableFacts = TABLE) -> list[Shard]:
    return shards_of(_aws(streams), "orders", facts)


def test_all_streams_of_the_table_have_their_shards_listed_page_by_page() -> None:
    streams = FakeStreams({(ARN, "a"): [], (ARN, "b"): [], (OLD, "c"): []}, {"b": "a"})
    streams.listed_as_closed.add("c")
    shards = _shards_of(streams)
    assert shards == [Shard(ARN, "a"), Shard(ARN, "b", "a"), Shard(OLD, "c")]
    assert [shard.closed for shard in shards] == [False, False, True]


def test_a_stream_that_was_deleted_after_its_listing_has_no_shards() -> None:
    streams = FakeStreams({(ARN, "a"): [], (OLD, "b"): []})
    streams.hidden["b"] = ""
    assert _shards_of(streams) == [Shard(ARN, "a")]


def test_without_the_stream_of_the_table_it_is_an_error() -> None:
    with pytest.raises(AbsentError):
        _shards_of(FakeStreams({(OLD, "b"): []}))


@pytest.mark.parametrize(
    ("created_at", "streams"),
    [
        (None, [ARN, OLD]),
        (MOMENT - timedelta(days=9), [ARN, OLD]),
        (MOMENT - timedelta(days=1), [ARN, OLD]),  # the label of a first stream is the time of the table's creation
        (MOMENT - timedelta(hours=23), [ARN]),
        (MOMENT + timedelta(hours=1), [ARN]),  # the table's own stream is never left out
    ],
)
def test_streams_of_a_deleted_table_are_left_out(created_at: datetime | None, streams: list[str]) -> None:
    facts = TableFacts(TABLE.arn, ARN, created_at)
    assert [shard.stream_arn for shard in _shards_of(FakeStreams({(ARN, "a"): [], (OLD, "b"): []}), facts)] == streams


class Reading:
    """A reading of all shards of a table."""

    def __init__(self, streams: Any, until: datetime = LATER, since: datetime | None = None, **others: Any) -> None:
        self.taken: list[tuple[str, int]] = []
        self.found = TableReader(_aws(streams), "orders", TABLE, until, since=since, **others).read(self._take)

    def _take(self, shard: Shard, record: Record) -> None:
        self.taken.append((shard.shard_id, record.number.value))


def test_all_shards_are_read() -> None:
    places: dict[tuple[str, str], list[list[int] | str]] = {
        (ARN, "child"): [[3]],
        (ARN, "grandchild"): [[4]],
        (ARN, "parent"): [[1], [], [2]],
    }
    streams = FakeStreams(places, {"child": "parent", "grandchild": "child", "parent": "expired"})
    streams.closed = streams.listed_as_closed = {"child", "parent"}
    reading = Reading(streams)
    assert sorted(reading.taken) == [("child", 3), ("grandchild", 4), ("parent", 1), ("parent", 2)]
    assert reading.found == StreamReading(assumed=("grandchild",))


def test_a_shard_that_appears_while_its_parent_is_read_is_read_too() -> None:
    streams = FakeStreams({(ARN, "a"): [[1], [2]], (ARN, "b"): [[3]], (ARN, "c"): [[4]]}, {"b": "a", "c": "b"})
    streams.closed |= {"a", "b"}
    streams.hidden = {"b": "a", "c": "b"}
    reading = Reading(streams)
    assert reading.taken == [("a", 1), ("a", 2), ("b", 3), ("c", 4)]
    assert reading.found == StreamReading(assumed=("c",))


def test_the_shards_are_listed_once_when_none_has_ended() -> None:
    streams = FakeStreams({(ARN, "a"): [[1]]})
    Reading(streams)
    assert streams.listings == 1


class WaitingForAll(FakeStreams):
    """Streams that answer once all shards are being read."""

    def __init__(self, count: int) -> None:
        super().__init__({(ARN, f"{number}"): [[number]] for number in range(count)})
        self.closed = self.listed_as_closed = {shard for _, shard in self.shards}
        self.barrier = threading.Barrier(count, timeout=PATIENCE)

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.barrier.wait()
        return super().get_records(ShardIterator)


def test_forty_shards_are_read_in_parallel() -> None:
    assert len(Reading(WaitingForAll(40)).taken) == 40


def test_a_busy_shard_is_left_at_the_first_newer_record() -> None:
    streams = FakeStreams({(ARN, "a"): [[1, 2], [3, 4], [5]]})
    reading = Reading(streams, MOMENT + timedelta(seconds=3))
    assert reading.taken == [("a", 1), ("a", 2), ("a", 3)]
    assert streams.asked["a"] == 2
    assert reading.found == StreamReading()


def test_sixty_empty_pages_are_not_the_end() -> None:
    reading = Reading(FakeStreams({(ARN, "a"): [[1], *[[]] * 60, [2]]}))
    assert [number for _, number in reading.taken] == [1, 2]


@pytest.mark.parametrize("code", ["ExpiredIteratorException", "TrimmedDataAccessException"])
def test_a_shard_whose_iterators_are_always_lost_is_unread(code: str) -> None:
    reading = Reading(FakeStreams({(ARN, "a"): [[1], *[code] * 20], (ARN, "b"): [[2]]}))
    assert sorted(reading.taken) == [("a", 1), ("b", 2)]
    assert reading.found == StreamReading(unread=("a",), assumed=("b",))


def test_closed_shards_that_ended_before_the_start_time_are_not_read() -> None:
    pages: dict[tuple[str, str], list[list[int] | str]] = {
        (ARN, "a"): [[1]],
        (ARN, "b"): [[10]],
        (ARN, "c"): [[20, 30]],
        (ARN, "idle parent"): [[5]],
        (ARN, "idle"): [],
    }
    streams = FakeStreams(pages, {"b": "a", "c": "b", "idle": "idle parent"})
    streams.closed = streams.listed_as_closed = {"a", "b", "idle parent"}
    reading = Reading(streams, since=MOMENT + timedelta(seconds=25))
    assert sorted(reading.taken) == [("c", 20), ("c", 30), ("idle parent", 5)]
    assert streams.asked.keys() == {"c", "idle", "idle parent"}


class WaitingForHome(FakeStreams):
    """Streams whose shard `elsewhere` answers once the first page of the shard `home` has been read."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.home_is_read = threading.Event()

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        _, shard = ShardIterator.split("|")
        if shard == "home" and self.asked["home"]:
            self.home_is_read.set()
        if shard == "elsewhere":
            assert self.home_is_read.wait(PATIENCE)
        return super().get_records(ShardIterator)


def test_other_lines_of_shards_are_left_when_the_order_is_found() -> None:
    pages: dict[tuple[str, str], list[list[int] | str]] = {
        (ARN, "ancestor"): [[], [], [1]],
        (ARN, "home"): [[2], [], [3]],
        (ARN, "child"): [[], [4]],
        (ARN, "elsewhere"): [[], [5]],
        (OLD, "old"): [[], [6]],
    }
    streams = WaitingForHome(pages, {"home": "ancestor", "child": "home", "elsewhere": "ancestor"})
    streams.closed = {"ancestor", "home"}
    reading = Reading(streams, order=lambda record: record.number.value in (2, 3))
    assert sorted(reading.taken) == [("ancestor", 1), ("child", 4), ("home", 2), ("home", 3), ("old", 6)]
    assert streams.asked["elsewhere"] == 1
    assert reading.found == StreamReading(assumed=("child", "old"))


def test_each_shard_that_is_read_is_reported() -> None:
    streams = FakeStreams({(ARN, "a"): [[1]], (ARN, "b"): [[2]], (ARN, "child"): [[3]]}, {"child": "a"})
    streams.closed, streams.hidden = {"a"}, {"child": "a"}
    reported: list[tuple[int, int]] = []
    Reading(streams, report=lambda *counts: reported.append(counts))
    assert reported == [(0, 2), (1, 2), (2, 2), (2, 3), (3, 3)]


def test_a_shard_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(AwsError, match="AccessDeniedException"):
        Reading(FakeStreams({(ARN, "a"): [[1]], (ARN, "b"): ["AccessDeniedException"]}))
