"""Calls of AWS that a replay makes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.failures.fakes import SHARD, Process, World
from tests.failures.hundred_thousand import Endless
from tests.failures.hundred_thousand import replay as replay_all
from tests.failures.running import replay

SHARDS = [SHARD, *(f"shardId-00000001573689847184-0000000{number}" for number in (2, 3, 4))]


def failures(world: World, count: int, **how: Any) -> None:
    """Give up on one record each, on all shards by turns."""
    for number in range(count):
        shard = SHARDS[number % len(SHARDS)]
        world.give_up(world.order(shard=shard, **how), shard=shard)


def writes(process: Process) -> int:
    return process.count("TransactWriteItems") + process.count("UpdateItem")


def test_a_thousand_failures_take_few_calls() -> None:
    """The command itself, with its preview; the checks of the resources are not counted."""
    did = replay_all(Endless(1000))
    assert did["statuses"] == {"REPLAYED": 1000}
    calls: Counter[str] = did["calls"]
    assert {name: calls[name] for name in ("Query", "GetShardIterator", "GetRecords", "Invoke", "UpdateItem")} == {
        "Query": 4,
        "GetShardIterator": 1,
        "GetRecords": 1,
        "Invoke": 10,
        "UpdateItem": 0,
    }
    assert 11 <= calls["TransactWriteItems"] <= 20  # ten claim, and at most one writes the outcomes of an invocation


def test_outcomes_are_written_at_most_once_for_each_invocation() -> None:
    world = World()
    failures(world, 80)
    process = Process(world)
    assert replay(process, batch_size=5).statuses == {"REPLAYED": 80}
    assert process.count("Invoke") == 16
    assert writes(process) <= 1 + 16


def test_failures_whose_records_expired_are_written_together() -> None:
    world = World()
    failures(world, 120)
    for shard in SHARDS:
        world.trim(shard=shard)
    process = Process(world)
    assert replay(process).statuses == {"EXPIRED": 120}
    assert writes(process) == 2 + len(SHARDS)


def test_failures_without_a_usable_range_are_written_together() -> None:
    world = World()
    for number in world.orders(250):
        world.give_up(number, shardId="shard")
    process = Process(world)
    assert replay(process).statuses == {"FAILED": 250}
    assert writes(process) == 3 + 3


@pytest.mark.parametrize("meanwhile", ["claimed", "replayed", "deleted"])
def test_the_state_of_a_lost_claim_is_not_read_again(meanwhile: str) -> None:
    world = World()
    failures(world, 8)
    process = Process(world)
    lost = list(world.audit)[:3]

    def other_run(operation: str, number: int) -> None:
        if operation == "TransactWriteItems" and process.count(operation) == 1:
            for key in lost:
                if meanwhile == "deleted":
                    del world.audit[key]
                elif meanwhile == "replayed":
                    world.audit[key]["replayStatus"] = {"S": "REPLAYED"}
                else:
                    until = {"S": "2026-01-01T00:01:00.000Z"}
                    world.audit[key] |= {"claimedBy": {"S": "another"}, "claimedUntil": until}

    process.on_call = other_run
    report = replay(process)
    assert report.statuses == {"REPLAYED": 5}
    assert (report.claimed_elsewhere, report.done_elsewhere) == ((3, 0) if meanwhile == "claimed" else (0, 3))
    assert process.count("GetItem") == 0
    assert process.count("TransactWriteItems") >= 2
