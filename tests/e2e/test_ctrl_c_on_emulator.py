"""Ctrl-C during a command: calls in progress finish, done work is reported, and the next run continues."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.local.home import LocalEmulator
from tests.cli_support import environment, start
from tests.e2e.gate import gate
from tests.e2e.mending import check_all_replayed, claimed, reopen, replay_all, statuses
from tests.e2e.orders import Orders
from tests.faults.account import inventory, state
from tests.support import ACCOUNT as MENDED_ACCOUNT
from tests.support import PATIENCE, World, make_world, new_account, reads, yes

pytestmark = pytest.mark.emulator

ACCOUNT = new_account()
DONE = re.compile(r"interrupted: (\d+) resources? done, not done: (.+)")


def interrupted(world: World, account: str, at: int, *command: str) -> dict[str, Any]:
    """Press Ctrl-C after a command's call number ``at``. Return its error."""
    keys = environment(AWS_ACCESS_KEY_ID=account, AWS_SECRET_ACCESS_KEY="test")
    with gate(world.aws.endpoint_url or "", at) as (url, way):
        process = start("-c", world.file, "--endpoint-url", url, "-o", "json", *command, env=keys)
        way.wait()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "Press Ctrl-C again to exit at once" not in (line := process.stderr.readline()):
            assert line, "it ended without a word"
        way.open()
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert out == "" or json.loads(out)["changes"]
    error: dict[str, Any] = json.loads(err.splitlines()[-1])["error"]
    assert error["code"] == "Interrupted"
    return error


def done_and_not(error: dict[str, Any]) -> tuple[int, set[str]]:
    """Return the number of finished resources and the names of the others, from the message."""
    match = DONE.fullmatch(error["message"])
    assert match, error
    return int(match[1]), set(match[2].split(", "))


def middle_write(world: World) -> int:
    """Return the calls made since the last time."""
    writes = [number for number, call in enumerate(world.calls, start=1) if not reads(call)]
    world.calls.clear()
    return writes[len(writes) // 2]


def test_up_and_down_report_done_work_and_continue(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=ACCOUNT)
    up(world.context(), yes)
    in_up, whole = middle_write(world), state(world)
    world.calls.clear()
    down(world.context(), yes, delete_data=True)
    in_down, everything = middle_write(world), world.context().resources.keys()

    done, not_done = done_and_not(interrupted(world, ACCOUNT, in_up, "up", "--yes"))
    assert 0 < done == len(everything) - len(not_done)
    assert {change.resource for change in plan(world.context()).pending} <= not_done < everything
    up(world.context(), yes)
    assert state(world) == whole

    error = interrupted(world, ACCOUNT, in_down, "down", "--yes", "--delete-data")
    done, not_done = done_and_not(error)
    assert done > 0
    missing = {change.resource for change in plan(world.context()).changes if change.action is Action.CREATE}
    assert everything - missing <= not_done < everything
    down(world.context(), yes, delete_data=True)
    assert inventory(world.aws) == {}


@pytest.mark.xdist_group("mended")
def test_a_replay_releases_its_leases_and_the_next_one_continues(
    mended: Orders, operations_of_a_replay: list[str]
) -> None:
    world = mended.world
    first_invocation = operations_of_a_replay.index("Invoke") + 1
    reopen(mended)
    error = interrupted(world, MENDED_ACCOUNT, first_invocation, "replay-dlq", "--yes")
    assert re.fullmatch(r"interrupted: (1 failure|\d+ failures) finished", error["message"])
    assert "continues from here" in error["hint"]
    assert "OPEN" in statuses(mended)
    assert claimed(mended) == []
    replay_all(world)
    check_all_replayed(mended)


@pytest.mark.xdist_group("mended")
def test_the_second_ctrl_c_ends_a_replay_during_an_invocation(
    mended: Orders, operations_of_a_replay: list[str]
) -> None:
    world = mended.world
    first_invocation = operations_of_a_replay.index("Invoke") + 1
    reopen(mended)
    keys = environment(AWS_ACCESS_KEY_ID=MENDED_ACCOUNT, AWS_SECRET_ACCESS_KEY="test")
    with gate(world.aws.endpoint_url or "", first_invocation) as (url, way):
        process = start("-c", world.file, "--endpoint-url", url, "replay-dlq", "--yes", env=keys)
        way.wait()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("Press Ctrl-C again" in line for line in iter(process.stderr.readline, ""))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE / 2)  # the invocation is still held
    assert (process.returncode, out) == (130, "")
    assert err.endswith("Interrupted\n")
