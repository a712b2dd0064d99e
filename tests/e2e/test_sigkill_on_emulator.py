"""Processes killed with SIGKILL in the middle of a call, on the local emulator: the next run comes to the same end.

`tests/faults/test_crash.py` does that at every call, and on a thread's terms; this is a process, and nothing of it is
left but what it has asked of AWS.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.cli_support import environment, start
from tests.e2e.gate import gate
from tests.faults.account import inventory, state
from tests.support import PATIENCE, World, make_world, new_account, yes

pytestmark = pytest.mark.emulator

ACCOUNT = new_account()
POINTS = 10 if os.environ.get("CRASHES") == "every" else 1
"""Number of points in `up`, and in `down`."""
UP, DOWN = ("up", "--yes"), ("down", "--yes", "--delete-data")


def up_(world: World) -> None:
    up(world.context(), yes)


def down_(world: World) -> None:
    down(world.context(), yes, delete_data=True)


def sampled(world: World) -> list[int]:
    """Return numbers of calls, spread evenly from the first that creates or deletes something to the last."""
    writes = [n for n, call in enumerate(world.calls, start=1) if call.operation.startswith(("Create", "Delete"))]
    world.calls.clear()
    length = (writes[-1] - writes[0]) / POINTS
    return [round(writes[0] + length * (point + 0.5)) for point in range(POINTS)]


def killed(world: World, command: tuple[str, ...], at: int, *, after: bool) -> None:
    """Run a command, and kill it when it has made its ``at``-th call: before that is carried out, or after."""
    keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}
    with gate(world.aws.endpoint_url or "", at, after=after) as (url, way):
        process = start("-c", world.file, "--endpoint-url", url, *command, env=environment(**keys))
        way.wait()
        process.kill()
        out, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (-signal.SIGKILL, "")


def test_after_a_kill_at_any_point_the_next_run_reaches_the_same_end(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=ACCOUNT)
    up_(world)
    points_of_up, whole = sampled(world), state(world)
    world.calls.clear()
    down_(world)
    points_of_down, nothing = sampled(world), dict[str, Any]()
    assert inventory(world.aws) == nothing

    for turn, (at_up, at_down) in enumerate(zip(points_of_up, points_of_down, strict=True)):
        after = turn % 2 == 0
        killed(world, UP, at_up, after=after)
        assert inventory(world.aws) not in (nothing, whole["names"]), f"up had not begun, or was done, at {at_up}"
        up_(world)
        assert state(world) == whole, f"up was killed at call {at_up}"

        killed(world, DOWN, at_down, after=not after)
        assert inventory(world.aws) not in (nothing, whole["names"]), f"down had not begun, or was done, at {at_down}"
        down_(world)
        assert inventory(world.aws) == nothing, f"down was killed at call {at_down}"
