"""The end of a stream: records written after it was opened, also in shards that appear meanwhile."""

from __future__ import annotations

import pytest

from pipectl.errors import AwsError
from pipectl.failures.stream_tail import StreamTail
from tests.failures.test_stream_reader import ARN, FakeStreams, _aws


def _opened(streams: FakeStreams) -> StreamTail:
    tail = StreamTail(_aws(streams), ARN)
    tail.open()
    return tail


def _numbers(tail: StreamTail) -> list[int]:
    return sorted(record.number.value for _, record in tail.read())


def test_records_after_the_opening_are_read_in_every_open_shard() -> None:
    streams = FakeStreams({(ARN, "a"): [[], [1], [3]], (ARN, "b"): [[], [2]], (ARN, "closed"): [[], [9]]})
    streams.listed_as_closed.add("closed")
    tail = _opened(streams)
    assert [_numbers(tail) for _ in range(3)] == [[1, 2], [3], []]
    assert streams.iterators == [("LATEST", None)] * 2


def test_records_on_the_way_to_the_position_are_left_out() -> None:
    assert _numbers(_opened(FakeStreams({(ARN, "a"): [[1], [2]]}))) == [2]


@pytest.mark.parametrize("pages", [[[], [1]], [[]]], ids=["while it reads", "while it opens"])
def test_a_child_of_a_shard_that_ends_is_read_from_its_start(pages: list[list[int] | str]) -> None:
    streams = FakeStreams({(ARN, "a"): pages, (ARN, "b"): [[2]]}, {"b": "a"})
    streams.closed.add("a")
    streams.hidden["b"] = "a"
    tail = _opened(streams)
    assert [number for _ in range(3) for number in _numbers(tail)] == [1, 2][-len(pages) :]
    assert streams.iterators[-1] == ("TRIM_HORIZON", None)


def test_an_expired_iterator_is_replaced() -> None:
    assert _numbers(_opened(FakeStreams({(ARN, "a"): [[], "ExpiredIteratorException", [1]]}))) == [1]


def test_any_other_error_is_raised() -> None:
    tail = _opened(FakeStreams({(ARN, "a"): [[], "AccessDeniedException"]}))
    with pytest.raises(AwsError, match="AccessDeniedException"):
        tail.read()
