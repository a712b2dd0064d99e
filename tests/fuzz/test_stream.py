"""Shards read between any two numbers, whatever is trimmed, lost or silent; and what failures explain of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipectl.errors import AwsError
from pipectl.failures.model import End, Failure, Gap, Record, SequenceNumber
from pipectl.failures.stream_reader import LOST_ITERATOR, Shard, StreamReader
from pipectl.failures.verification import VerificationIndex
from tests.failures.fakes import SHARD, STREAM_ARN, Process, World, aws_error
from tests.fuzz.strategies import places_of, replaced, without
from tests.fuzz.test_bad_items import _ITEM as ITEM
from tests.fuzz.test_readers import VALUES

COUNT = 12
PLACES = st.integers(0, COUNT - 1)
ERRORS = st.lists(st.sampled_from([*LOST_ITERATOR, ""]), max_size=6)


def number_of(text: str) -> SequenceNumber:
    found = SequenceNumber.parse(text)
    assert found
    return found


@given(
    ranges=st.lists(
        st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).map(sorted), min_size=1, max_size=4
    ),
    trimmed=st.integers(0, COUNT),
    page=st.integers(1, COUNT + 1),
    empties=st.integers(0, 3),
    closed=st.booleans(),
    lenient=st.booleans(),
    errors=ERRORS,
)
@example(ranges=[[0, 2], [0, 1]], trimmed=1, page=1, empties=0, closed=False, lenient=False, errors=[])
@example(ranges=[[0, 11]], trimmed=5, page=3, empties=1, closed=True, lenient=False, errors=["", *LOST_ITERATOR])
def test_every_record_of_a_range_comes_once_or_is_in_a_gap(
    ranges: list[list[int]], trimmed: int, page: int, empties: int, closed: bool, lenient: bool, errors: list[str]
) -> None:
    """Read several ranges with one reader, like a replay: earlier ranges must not change the result of later ones."""
    world = World()
    numbers = [number_of(text) for text in world.orders(COUNT)]
    shard = world.shards[SHARD]
    shard.page, shard.empties, shard.closed, world.lenient = page, empties, closed, lenient
    world.trim(numbers[trimmed - 1].text) if trimmed else None
    process = Process(world)
    scripted: list[Any] = [aws_error(code) if code else None for code in errors]
    process.failures["GetRecords"] = scripted
    reader = StreamReader(process.aws, Shard(STREAM_ARN, SHARD))
    for first, last in ranges:
        readings = list(reader.read(numbers[first], numbers[last]))
        *items, end = readings
        assert end == End(complete=True)
        assert not any(isinstance(item, End) for item in items)
        came = [item.number for item in items if isinstance(item, Record)]
        gaps = [item for item in items if isinstance(item, Gap)]
        assert came == numbers[max(first, trimmed) : last + 1]
        missing = numbers[first : max(first, min(trimmed, last + 1))]
        for number in missing:
            assert any(gap.first <= number.value <= gap.last for gap in gaps)
            assert any(gap.proves_trimmed(number) for gap in gaps)
        for number in came:
            assert not any(gap.first <= number.value <= gap.last for gap in gaps)


@given(page=st.integers(1, 4), empties=st.integers(0, 3), closed=st.booleans(), silent=st.booleans(), errors=ERRORS)
def test_a_whole_shard_is_read_in_order_and_ends_once(
    page: int, empties: int, closed: bool, silent: bool, errors: list[str]
) -> None:
    world = World()
    numbers = [number_of(text) for text in world.orders(COUNT)]
    shard = world.shards[SHARD]
    shard.page, shard.empties, shard.closed, shard.silent = page, empties, closed, silent
    process = Process(world)
    scripted: list[Any] = [aws_error(code) if code else None for code in errors]
    process.failures["GetRecords"] = scripted
    *items, end = StreamReader(process.aws, Shard(STREAM_ARN, SHARD)).read()
    assert [item.number for item in items if isinstance(item, Record)] == ([] if silent else numbers)
    assert end == End(complete=closed and not silent)


@given(st.sampled_from(LOST_ITERATOR), st.integers(0, 3))
def test_iterators_that_are_always_lost_are_an_error(code: str, after: int) -> None:
    world = World()
    world.orders(COUNT)
    world.shards[SHARD].page = 2
    process = Process(world)
    scripted: list[Any] = [*[None] * after, *[aws_error(code)] * 50]
    process.failures["GetRecords"] = scripted
    with pytest.raises(AwsError) as raised:
        list(StreamReader(process.aws, Shard(STREAM_ARN, SHARD)).read())
    assert raised.value.aws_code == code


_PLACES = [("timestamp",), *(place for place in places_of(ITEM) if place[-1] not in ("S", "N", "L", "M"))]


@given(
    st.builds(replaced, st.just(ITEM), st.sampled_from(_PLACES), VALUES)
    | st.builds(without, st.just(ITEM), st.sampled_from(_PLACES))
)
@example(replaced(ITEM, ("stream", "M", "firstArrival"), {"S": "0001-01-01T00:00:00Z"}))
@example(replaced(ITEM, ("stream", "M", "lastArrival"), {"S": "9999-12-31T23:59:59Z"}))
def test_a_failure_of_any_shape_covers_only_its_own_records(item: dict[str, Any]) -> None:
    world = World()
    numbers = [number_of(text) for text in world.orders(3)]
    index = VerificationIndex()
    for reading in StreamReader(Process(world).aws, Shard(STREAM_ARN, SHARD)).read():
        if isinstance(reading, Record):
            index.add(Shard(STREAM_ARN, SHARD), reading)
    typed = {"timestamp": {"S": "2026-01-01T00:00:00.000Z"}, **item, "auditId": {"S": "odd"}}
    index.mark_failed(Failure.of(typed))
    left = [record.sequence_number for record in index.lost(10)]
    index.close()
    assert left == numbers
