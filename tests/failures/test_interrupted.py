"""A replay that is killed or interrupted at any call is completed by the next one."""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

import pytest

from pipectl.errors import CancelledError
from tests.failures.fakes import OTHER_STREAM_ARN, SHARD, Clock, Killed, Process, World
from tests.failures.running import CLAIM_SECONDS, replay
from tests.support import PATIENCE, THOROUGH

SHARD_2 = "shardId-00000001573689847184-00000002"


@dataclass
class Scene:
    """Return a world with two shards, ranges, single records, invalid orders, expired records and a wrong message."""

    world: World
    expected: dict[str, str]
    stored: set[str]

    @classmethod
    def make(cls) -> Scene:
        world = World()
        world.shards[SHARD].page, world.shards[SHARD].empties = 3, 1
        lost, kept, *numbers = world.orders(8)
        poison = world.order(poison=True)
        other = world.orders(3, shard=SHARD_2)
        expected = {
            world.give_up(lost): "EXPIRED",
            world.give_up(kept): "REPLAYED",
            world.give_up(numbers[0], numbers[3]): "REPLAYED",
            world.give_up(numbers[2], numbers[4]): "REPLAYED",
            world.give_up(numbers[5], poison): "PARTIAL",
            world.give_up(poison): "FAILED",
            world.give_up(other[0], other[2], shard=SHARD_2): "REPLAYED",
            world.give_up(numbers[0], streamArn=OTHER_STREAM_ARN): "FAILED",
        }
        world.quarantine(kept)
        world.trim(kept)
        return cls(world, expected, {kept, *numbers, *other})

    def check(self) -> None:
        assert {audit_id: self.world.status(audit_id) for audit_id in self.expected} == self.expected
        assert self.world.stored() == self.stored
        assert self.world.claimed() == []


FEWEST_CALLS, CALLS = 28, 34
"""Calls of a whole run. Outcomes that are ready at the same time are written together."""


def test_a_run_makes_no_unnecessary_calls() -> None:
    scene = Scene.make()
    process = Process(scene.world)
    replay(process, batch_size=2)
    scene.check()
    assert FEWEST_CALLS <= len(process.calls) <= CALLS


@pytest.mark.parametrize(
    ("call", "after"),
    # before a call the state is the one after the call before it
    [(call, after) for call in range(1, CALLS + 1) for after in (False, True) if after or call == 1 or THOROUGH],
)
def test_after_a_kill_at_any_call_the_next_run_finishes_when_the_claims_expire(call: int, after: bool) -> None:
    scene = Scene.make()
    process = Process(scene.world, call, after=after)
    with suppress(Killed):
        replay(process, batch_size=2)
    assert process.is_dead or len(process.calls) < call
    scene.world.clock.sleep(CLAIM_SECONDS + 1)
    replay(scene.world, batch_size=2)
    scene.check()


@pytest.mark.parametrize("seed", range(20 if THOROUGH else 10))
def test_repeated_kills(seed: int) -> None:
    scene, chance = Scene.make(), random.Random(seed)
    for _ in range(5):
        try:
            replay(Process(scene.world, chance.randint(1, FEWEST_CALLS), after=chance.random() < 0.5), batch_size=2)
        except Killed:
            scene.world.clock.sleep(CLAIM_SECONDS + 1)
    replay(scene.world, batch_size=2)
    scene.check()


def press_ctrl_c() -> None:
    """Interrupt the main thread while it waits: Python does not wait for a thread in whose start it is interrupted."""
    main = threading.main_thread().ident or 0
    pause = threading.Event()
    if threading.get_ident() != main:
        assert any(_waits(sys._current_frames()[main]) or pause.wait(0.001) for _ in range(int(PATIENCE * 1000)))
    signal.pthread_kill(main, signal.SIGINT)


def _waits(frame: FrameType) -> bool:
    names = [each.f_code.co_name for each, _ in traceback.walk_stack(frame)]
    return names[0] in ("wait", "_wait_for_tstate_lock") and "submit" not in names


@pytest.mark.parametrize("call", range(1, CALLS + 1))
def test_ctrl_c_at_any_call_releases_the_claims(call: int) -> None:
    scene, clock = Scene.make(), Clock()
    process, pressed = Process(scene.world, clock=clock), threading.Event()

    def press(operation: str, number: int) -> None:
        if number == call:
            pressed.set()
            press_ctrl_c()

    process.on_call = press
    with pytest.raises((KeyboardInterrupt, CancelledError)):  # noqa: PT012
        replay(process, batch_size=2, cancel=clock.cancel)
        if not pressed.is_set():
            raise CancelledError("this run had fewer calls")
        time.sleep(5)  # it was the last call, and all was done before the key was felt
    assert scene.world.claimed() == []
    replay(scene.world, batch_size=2)
    scene.check()


def test_ctrl_c_while_failures_are_claimed_says_how_to_continue() -> None:
    scene, clock = Scene.make(), Clock()
    process = Process(scene.world, clock=clock)

    def press(operation: str, _number: int) -> None:
        if operation == "TransactWriteItems" and not clock.cancelled:
            press_ctrl_c()
            assert cancelled.wait(PATIENCE)

    def cancel() -> None:
        clock.cancel()
        cancelled.set()

    cancelled = threading.Event()
    process.on_call = press
    with pytest.raises(CancelledError) as caught:
        replay(process, batch_size=2, cancel=cancel)
    assert caught.value.hint
    assert scene.world.claimed() == []


def test_ctrl_c_ends_the_reading_of_a_long_range() -> None:
    world, clock = World(), Clock()
    numbers = world.orders(200)
    audit_id = world.give_up(numbers[0], numbers[-1])
    process = Process(world, clock=clock)
    process.on_call = lambda operation, _: clock.cancel() if operation == "Invoke" else None
    with pytest.raises(CancelledError) as raised:
        replay(process, batch_size=5)
    assert process.count("Invoke") < 20
    assert "continues from here" in (raised.value.hint or "")
    assert (world.status(audit_id), world.claimed()) == ("OPEN", [])


def test_ctrl_c_starts_no_other_batch() -> None:
    world, clock = World(), Clock()
    for number in world.orders(1100):
        world.give_up(number)
    process = Process(world, clock=clock)
    process.on_call = lambda operation, _: clock.cancel() if operation == "Invoke" else None
    with pytest.raises(CancelledError):
        replay(process)
    assert world.claimed() == []
    assert world.statuses()["OPEN"] >= 100
