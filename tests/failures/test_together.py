"""Two replays at the same time share the work: no failure is lost, stays claimed, or gets a wrong outcome."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipectl.failures.outcomes import ReplayReport
from tests.failures.fakes import Process, World
from tests.failures.running import CLAIM_SECONDS, replay
from tests.failures.test_interrupted import FEWEST_CALLS, Scene
from tests.support import THOROUGH

SOME_CALLS = range(1, FEWEST_CALLS + 1, 1 if THOROUGH else 2)


def settled_once_each(world: World, *reports: ReplayReport) -> None:
    """Check that every report counts only the failures that it settled."""
    attempts = sum(int(item.get("replayAttempts", {"N": "0"})["N"]) for item in world.audit.values())
    assert attempts == sum(report.total for report in reports)


@pytest.mark.parametrize("call", SOME_CALLS)
def test_a_replay_between_any_two_calls_of_another(call: int) -> None:
    scene, inner = Scene.make(), list[ReplayReport]()
    outer = Process(scene.world)
    outer.on_call = lambda _, number: inner.append(replay(scene.world, batch_size=2)) if number == call else None
    report = replay(outer, batch_size=2)
    scene.check()
    settled_once_each(scene.world, report, *inner)


@pytest.mark.parametrize("call", SOME_CALLS)
def test_a_slow_replay_finds_its_work_done_by_another_with_a_fixed_processor(call: int) -> None:
    scene, inner = Scene.make(), list[ReplayReport]()
    outer = Process(scene.world)

    def meanwhile(operation: str, number: int) -> None:
        if number == call:
            scene.world.clock.sleep(CLAIM_SECONDS + 1)
            scene.world.fix()
            inner.append(replay(scene.world, batch_size=2))

    outer.on_call = meanwhile
    report = replay(outer, batch_size=2)
    settled_once_each(scene.world, report, *inner)
    assert scene.world.claimed() == []
    done_by_the_other = scene.world.statuses()
    replay(scene.world, batch_size=2)
    assert scene.world.statuses()["REPLAYED"] >= done_by_the_other["REPLAYED"]
    assert scene.world.statuses() == {"REPLAYED": 6, "EXPIRED": 1, "FAILED": 1}
    assert len(scene.world.stored()) == len(scene.stored) + 1


@pytest.mark.parametrize("seconds_a_call", [0, 7], ids=["fast", "claims run out on the way"])
@pytest.mark.parametrize("round_", range(4 if THOROUGH else 1))
def test_two_replays_in_parallel(seconds_a_call: float, round_: int) -> None:
    world = World()
    numbers = [world.order(poison=count % 10 == 0) for count in range(120)]
    for number in numbers:
        world.give_up(number)
    start = threading.Barrier(3)

    def run(_: int) -> ReplayReport:
        process = Process(world)
        process.on_call = lambda *_: world.clock.sleep(seconds_a_call)
        start.wait()
        return replay(process, batch_size=7)

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(run, range(3)))
    settled_once_each(world, *reports)
    assert world.claimed() == []
    replay(world)
    assert world.statuses() == {"REPLAYED": 108, "FAILED": 12}
    assert world.stored() == {number for count, number in enumerate(numbers) if count % 10}


@pytest.mark.parametrize("seed", range(20 if THOROUGH else 5))
def test_two_replays_in_parallel_whose_transactions_are_cancelled_and_answers_lost(seed: int) -> None:
    world, chance = World(), random.Random(seed)
    for _ in range(150):
        world.give_up(world.order())
    codes = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
    world.refuses = lambda _: chance.choice(codes) if chance.random() < 0.01 else None
    start = threading.Barrier(2)

    def run(_: int) -> ReplayReport:
        process = Process(world)
        process.lost_answers = {"TransactWriteItems": 3, "UpdateItem": 3}
        start.wait()
        return replay(process, batch_size=20)

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(run, range(2)))
    settled_once_each(world, *reports)
    assert (world.statuses(), world.claimed()) == ({"REPLAYED": 150}, [])
    assert sum(report.total for report in reports) == 150


def test_failures_that_another_run_claimed_are_reported_and_skipped() -> None:
    world = World()
    mine, theirs = (world.give_up(number) for number in world.orders(2))
    item = world.item(theirs)
    item["claimedBy"], item["claimedUntil"] = {"S": "another"}, {"S": "2026-01-01T00:01:00.000Z"}
    report = replay(world)
    assert (report.total, report.claimed_elsewhere, report.left) == (1, 1, 1)
    assert (world.status(mine), world.status(theirs)) == ("REPLAYED", "OPEN")
    world.clock.sleep(61)
    assert replay(world).statuses == {"REPLAYED": 1}


def test_failures_that_another_run_finished_are_not_counted() -> None:
    world = World()
    audit_id = world.give_up(world.order())
    process = Process(world)
    process.on_call = lambda operation, _: replay(world) if operation == "UpdateItem" else None
    report = replay(process)
    assert (report.total, report.claimed_elsewhere, report.left) == (0, 0, 0)
    assert world.status(audit_id) == "REPLAYED"


def test_an_item_that_was_deleted_meanwhile_is_not_recreated() -> None:
    world = World()
    world.give_up(world.order())
    process = Process(world)
    process.on_call = lambda operation, _: world.audit.clear() if operation == "Invoke" else None
    report = replay(process)
    assert (report.total, report.left, world.audit) == (0, 0, {})


def test_a_lost_answer_is_not_mistaken_for_another_run() -> None:
    world = World()
    world.give_up(world.order())
    process = Process(world)
    process.lost_answers["UpdateItem"] = 100
    report = replay(process)
    assert (report.statuses, report.claimed_elsewhere) == ({"REPLAYED": 1}, 0)
    assert next(iter(world.audit.values()))["replayAttempts"] == {"N": "1"}


def test_claims_are_renewed_between_the_invocations_of_a_batch() -> None:
    world = World()
    numbers = [world.order(poison=count % 5 == 0) for count in range(40)]
    world.give_up(numbers[0], numbers[-1])
    others = list[ReplayReport]()
    process = Process(world)

    def slow(operation: str, _: int) -> None:
        if operation == "Invoke":
            world.clock.sleep(CLAIM_SECONDS * 0.4)
            others.append(replay(world))

    process.on_call = slow
    assert replay(process, batch_size=40).statuses == {"PARTIAL": 1}
    assert {report.claimed_elsewhere for report in others} == {1}


def test_claims_that_expire_while_other_shards_are_read_are_dropped() -> None:
    world = World()
    world.give_up(world.order())
    other = "shardId-00000001573689847184-00000002"
    waiting = [world.give_up(number, shard=other) for number in world.orders(3, shard=other)]
    process, one_at_a_time, others = Process(world), threading.Lock(), list[ReplayReport]()

    def meanwhile(operation: str, _: int) -> None:
        with one_at_a_time:
            if operation == "GetShardIterator" and not others:
                world.clock.sleep(CLAIM_SECONDS + 1)
                others.append(replay(world))

    process.on_call = meanwhile
    report = replay(process)
    assert report.left == 0
    assert {world.status(audit_id) for audit_id in waiting} == {"REPLAYED"}
    assert {item["replayAttempts"]["N"] for item in world.audit.values()} == {"1"}
