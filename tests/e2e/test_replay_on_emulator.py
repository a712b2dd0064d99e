"""Failures replayed on the local emulator: IAM enforced, the function fixed through `up`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipectl.cli.main import main
from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.e2e.mending import QUICK, check_all_replayed, fix, replay_all, statuses
from tests.e2e.orders import Orders
from tests.support import NODEJS, World, make_world, yes

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(170)]


@contextmanager
def _failed(world: World, count: int, poison: int) -> Iterator[Orders]:
    """``count`` orders written, ``poison`` of them poison; every good one stored, every poison one audited."""
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    orders.write(count, poison)
    orders.wait_until_settled()
    yield orders
    down(world.context(), yes, delete_data=True)


def _replay_dlq(world: World) -> tuple[int, dict[str, Any]]:
    """The command itself: its exit code and its JSON."""
    words = ["-c", world.file, "--endpoint-url", world.aws.endpoint_url, "-o", "json", "replay-dlq", "--yes"]
    environment = {"AWS_ACCESS_KEY_ID": world.aws.account_id, "AWS_SECRET_ACCESS_KEY": "test"}
    result = CliRunner().invoke(main, list(map(str, words)), env=environment)
    return result.exit_code, json.loads(result.stdout)


def test_after_the_fix_a_replay_leaves_every_order_stored_once(
    server: tuple[LocalEmulator, bool], tmp_path: Path
) -> None:
    running, consolidated = server
    world = make_world(tmp_path, QUICK, endpoint_url=running.endpoint_url, account="300000000006")
    with _failed(world, 120, 8) as failed:
        _replay_before_and_after_the_fix(failed, tmp_path, consolidated=consolidated)


def test_after_the_fix_in_nodejs_a_replay_leaves_every_order_stored_once(
    emulator_nodejs: LocalEmulator, tmp_path: Path
) -> None:
    world = make_world(tmp_path, QUICK | NODEJS, endpoint_url=emulator_nodejs.endpoint_url, account="300000000008")
    with _failed(world, 30, 2) as failed:
        _replay_before_and_after_the_fix(failed, tmp_path, consolidated=False)


def _replay_before_and_after_the_fix(failed: Orders, tmp_path: Path, *, consolidated: bool) -> None:
    world = failed.world
    exit_code, still_poison = _replay_dlq(world)
    assert exit_code == 4
    assert {int(each["sequenceNumber"]) for each in still_poison["failing"]} == failed.poison_numbers()
    assert all("amount must be a number" in each["error"] for each in still_poison["failing"])
    assert {each["keys"]["orderId"]["S"] for each in still_poison["failing"]} == {order for order, _ in failed.poison}
    assert still_poison["records"]["failing"] == len(failed.poison)
    assert still_poison["failures"]["OPEN"] == still_poison["failures"]["REPLAYED"] == 0
    assert statuses(failed) <= ({"PARTIAL", "FAILED"} if consolidated else {"FAILED"})
    assert failed.stored() == failed.good

    fix(world, tmp_path / "fixed")
    replayed = replay_all(world)
    assert (replayed.left, replayed.failing) == (0, ())
    check_all_replayed(failed)

    exit_code, again = _replay_dlq(world)
    assert (exit_code, sum(again["failures"].values()), again["records"]) == (0, 0, {"replayed": 0, "failing": 0})
