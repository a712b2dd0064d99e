"""Shards in memory: their records, their numbers, their children, their pages."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.local.harshness import SHARDS
from pipectl.local.shards import Kept, Shard, StreamCopy, empty_pages_before, paged, slot_of

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
CREATED = int(time.time()) * 1000


def record(number: int, key: str = "a", size: int = 1) -> dict[str, Any]:
    """Return a record that was written ``number`` seconds after the creation of the stream."""
    return {
        "dynamodb": {
            "SequenceNumber": f"{CREATED + number * 1000:020d}{number:010d}",
            "ApproximateCreationDateTime": CREATED / 1000 + number,
            "Keys": {"orderId": {"S": key}},
            "NewImage": {"padding": {"S": "x" * size}},
        }
    }


def number_of(written: dict[str, Any]) -> str:
    return str(written["dynamodb"]["SequenceNumber"])


def copy_of(keys: list[str], roll_after: int = 0) -> StreamCopy:
    copy = StreamCopy(ARN, CREATED, roll_after)
    for number, key in enumerate(keys, 1):
        copy.add(record(number, key))
    return copy


def key_in(slot: int) -> str:
    return next(key for key in map(str, itertools.count()) if slot_of({"orderId": {"S": key}}) == slot)


def numbers(shard: Shard) -> list[int]:
    return [int(each.number) for each in shard.records]


def test_a_new_stream_has_four_open_empty_shards_in_the_order_of_their_ids() -> None:
    described = [shard.described() for shard in StreamCopy(ARN, CREATED).shards]
    assert len(described) == SHARDS == 4
    assert [shard["ShardId"] for shard in described] == sorted(shard["ShardId"] for shard in described)
    assert all(shard["SequenceNumberRange"].keys() == {"StartingSequenceNumber"} for shard in described)
    assert int(described[0]["SequenceNumberRange"]["StartingSequenceNumber"]) < int(number_of(record(1)))


KEYS = st.lists(st.sampled_from([str(number) for number in range(9)]), max_size=60)


@given(KEYS, st.integers(0, 7))
def test_no_record_is_lost_and_those_of_a_key_keep_their_order(keys: list[str], roll_after: int) -> None:
    copy = copy_of(keys, roll_after)
    assert sorted(number for shard in copy.shards for number in numbers(shard)) == [
        int(number_of(record(number))) for number in range(1, len(keys) + 1)
    ]
    ids = [shard.shard_id for shard in copy.shards]
    for shard in copy.shards:
        assert numbers(shard) == sorted(numbers(shard))
        assert all(int(shard.start) <= number <= int(shard.end or number) for number in numbers(shard))
        if shard.parent:
            parent = copy.find(shard.parent)
            assert parent
            assert parent.end
            assert parent.slot == shard.slot
            assert ids.index(shard.parent) < ids.index(shard.shard_id)
            assert all(number > int(parent.end) for number in numbers(shard))


def test_all_shards_are_closed_after_a_number_of_records_and_have_one_child_each() -> None:
    copy = copy_of(["a"] * 7, roll_after=3)
    assert len(copy.shards) == 12
    assert [shard.end is None for shard in copy.shards] == [False] * 8 + [True] * 4
    assert [shard.parent for shard in copy.shards[4:]] == [shard.shard_id for shard in copy.shards[:8]]


def test_a_shard_ends_with_its_last_record_and_an_empty_one_with_its_first_number() -> None:
    copy = copy_of([key_in(2)] * 2)
    copy.close()
    assert copy.shards[2].end == number_of(record(2))
    assert copy.shards[1].end == copy.shards[1].start


def test_a_record_that_is_known_already_changes_nothing() -> None:
    copy = copy_of(["a", "a"])
    copy.add(record(2, "a"))
    assert sum(len(shard.records) for shard in copy.shards) == 2


@pytest.mark.parametrize(("after", "position"), [(False, 1), (True, 2)])
def test_a_position_is_at_or_behind_a_sequence_number(after: bool, position: int) -> None:
    shard = copy_of([key_in(0)] * 3).shards[0]
    assert shard.position_at(number_of(record(2)), after=after) == position
    assert shard.position_at("7", after=after) is None
    assert shard.position_at(shard.start, after=after) == 0


def test_positions_stay_when_records_expire() -> None:
    shard = copy_of([key_in(0)] * 3).shards[0]
    shard.expire(CREATED / 1000 + 2)
    assert (shard.trimmed, shard.next_position) == (1, 3)
    assert shard.position_at(number_of(record(1)), after=True) is None
    assert shard.position_at(number_of(record(2)), after=False) == 1
    assert [json.loads(each) for each in shard.page(1, 10)] == [record(2, key_in(0)), record(3, key_in(0))]


def test_a_page_has_at_most_a_mebibyte() -> None:
    shard = Shard("shard", 0, "0", records=[Kept.of(record(number, size=700_000)) for number in range(3)])
    assert len(shard.page(0, 10)) == 1
    assert len(shard.page(1, 10)) == 1
    shard.records = [Kept.of(record(number, size=2_000_000)) for number in range(2)]
    assert len(shard.page(0, 10)) == 1  # each fits into a page alone


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 100])
def test_pages_of_shards_follow_each_other(limit: int) -> None:
    shards = copy_of(["a"] * 2, roll_after=1).shards
    seen: list[Shard] = []
    after: str | None = None
    while True:
        page, after = paged(shards, after, limit)
        seen += page
        if after is None:
            break
    assert seen == shards


def test_empty_pages_are_the_same_each_time_and_differ_by_position() -> None:
    drawn = [empty_pages_before(ARN, "shard", position, 60) for position in range(50)]
    assert drawn == [empty_pages_before(ARN, "shard", position, 60) for position in range(50)]
    assert len(set(drawn)) > 10
    assert {empty_pages_before(ARN, "shard", position, 0) for position in range(50)} == {0}
