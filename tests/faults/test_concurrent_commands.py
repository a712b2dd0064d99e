"""Two commands on the same pipeline at the same time, with all delays; one starts some seconds after the other.

By default one time for each pair of commands; `CRASHES=every` tries the others, too, and a `down` that begins first.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.client import Aws, Credentials
from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.errors import PipectlError
from tests.faults.account import SimulatedAccount, simulated_account
from tests.faults.clock import VirtualClock
from tests.faults.faulty_aws import FaultyAws
from tests.faults.moto_fixes import send_fixed
from tests.faults.test_crash import EVERY, SCENES, run
from tests.support import ACCOUNT, REGION, World, yes

Command = Callable[[World], object]
LATER = [0, 5] if EVERY else [5]
"""Seconds. An `up` takes about 20 with these delays."""


def up_(world: World) -> object:
    return up(world.context(), yes)


def down_(world: World) -> object:
    return down(world.context(), yes, delete_data=True)


def at_once(here: SimulatedAccount, first: Command, second: Command, later: float) -> list[PipectlError]:
    """Run both; return their errors."""
    clock, wrong = here.faulty.clock, list[PipectlError]()

    def run(world: World, command: Command, begins: float) -> None:
        clock.sleep(begins)
        try:
            command(world)
        except PipectlError as error:
            wrong.append(error)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, [here.world, _another(here)], [first, second], [0.001, 0.001 + later]))
    here.settle()
    return wrong


def _another(here: SimulatedAccount) -> World:
    """Return the same pipeline as another process sees it."""

    def attempt(call: Any, params: Any, send: Any) -> Any:
        return here.faulty.attempt(call, params, partial(send_fixed, call, params, send))

    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=here.faulty.clock, attempt=attempt)
    # Read now: until Python 3.12 a cached property of one object keeps all others of its class waiting.
    assert aws.account_id == here.world.aws.account_id
    return replace(here.world, aws=aws)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch, simulated_account(tmp_path_factory.mktemp("simulated")) as simulated:
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        up_(simulated.world)
        return simulated.state()


@pytest.mark.parametrize("later", LATER)
def test_two_ups_create_one_pipeline(undisturbed: Any, tmp_path: Path, later: float) -> None:
    with simulated_account(tmp_path, FaultyAws(VirtualClock())) as here:
        wrong = at_once(here, up_, up_, later)
        assert wrong == []
        assert here.state() == undisturbed


@pytest.mark.parametrize("later", [0, 5, 60] if EVERY else [5])
def test_two_jobs_that_apply_one_reviewed_plan_create_one_pipeline(
    undisturbed: Any, tmp_path: Path, later: float
) -> None:
    """The later one finds a plan that has changed, or nothing left to do."""
    with simulated_account(tmp_path, FaultyAws(VirtualClock())) as here:
        reviewed = plan(here.world.context()).id

        def apply(world: World) -> object:
            return up(world.context(), yes, reviewed=reviewed)

        wrong = at_once(here, apply, apply, later)
        assert {error.code for error in wrong} <= {"PlanChanged"}
        assert here.state() == undisturbed


@pytest.mark.parametrize("later", [0, 1] if EVERY else [1])
@pytest.mark.parametrize("scene", ["up from drift", "up with replacement"] if EVERY else ["up from drift"])
def test_two_ups_repair_one_pipeline(scene: str, tmp_path: Path, later: float) -> None:
    prepare, command = SCENES[scene]
    undisturbed, _ = run(tmp_path, scene)
    with simulated_account(tmp_path, FaultyAws(VirtualClock())) as here:
        prepare(here)
        here.settle()
        mend = lambda world: command(replace(here, world=world))  # noqa: E731
        wrong = at_once(here, mend, mend, later)
        assert wrong == []
        assert here.state() == undisturbed


@pytest.mark.parametrize("later", LATER)
def test_two_downs_delete_everything(tmp_path: Path, later: float) -> None:
    with simulated_account(tmp_path, FaultyAws(VirtualClock())) as here:
        up_(here.world)
        here.settle()
        wrong = at_once(here, down_, down_, later)
        assert wrong == []
        assert here.state()["names"] == {}


@pytest.mark.parametrize(
    ("first", "later"),
    [(up_, 3), *([(down_, 9), (up_, 9), (down_, 3)] if EVERY else [])],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_an_up_and_a_down_that_collide_report_it(
    undisturbed: Any, tmp_path: Path, first: Command, later: float
) -> None:
    """Each resource is left as its last change left it; the next run of either command completes."""
    with simulated_account(tmp_path, FaultyAws(VirtualClock())) as here:
        if first is down_:
            up_(here.world)
            here.settle()
        wrong = at_once(here, first, down_ if first is up_ else up_, later)
        # `down` deletes the log groups last: an `up` that looked just before keeps them in its plan and misses them
        assert wrong or _but_for_log_groups(here.state()) in ({}, _but_for_log_groups(undisturbed))
        assert all("again" in str(error.hint) for error in wrong)
        up_(here.world)
        here.settle()
        assert _but_for_a_draining_mapping(here.state()) == undisturbed
        down_(here.world)
        assert here.state()["names"] == {}


def _but_for_log_groups(state: Any) -> dict[str, list[str]]:
    return {kind: names for kind, names in state["names"].items() if kind != "log groups"}


def _but_for_a_draining_mapping(state: Any) -> Any:
    """Ignore a mapping that is left to read the rest of a deleted table's stream."""
    return {**state, "names": {**state["names"], "mappings": sorted(set(state["names"]["mappings"]))}}
