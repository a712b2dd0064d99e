"""Failures replayed on the embedded AWS: IAM enforced, the function fixed through `up`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipectl.cli import main
from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.local.lifecycle import LocalAws
from tests.e2e.mending import QUICK, check_all_replayed, fix, replay_all, statuses
from tests.e2e.orders import Orders
from tests.support import World, make_world, yes

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(170)]

ORDERS = 120
POISON = 8
ACCOUNT = "300000000006"


@pytest.fixture
def failed(server: tuple[LocalAws, bool], tmp_path: Path) -> Iterator[Orders]:
    """120 orders written, 8 of them poison; every good one stored, every poison one audited."""
    world = make_world(tmp_path, QUICK, endpoint_url=server[0].endpoint_url, account=ACCOUNT)
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    orders.write(ORDERS, POISON)
    orders.wait_until_settled()
    yield orders
    down(world.context(), yes, delete_data=True)


def _replay_dlq(world: World) -> tuple[int, dict[str, Any]]:
    """The command itself: its exit code and its JSON."""
    words = ["-c", world.file, "--endpoint-url", world.aws.endpoint_url, "-o", "json", "replay-dlq", "--yes"]
    environment = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}
    result = CliRunner().invoke(main, list(map(str, words)), env=environment)
    return result.exit_code, json.loads(result.stdout)


def test_after_the_fix_a_replay_leaves_every_order_stored_once(
    server: tuple[LocalAws, bool], failed: Orders, tmp_path: Path
) -> None:
    world, consolidated = failed.world, server[1]
    exit_code, still_poison = _replay_dlq(world)
    assert exit_code == 4
    assert {int(each["sequenceNumber"]) for each in still_poison["failing"]} == failed.poison_numbers()
    assert all("amount must be a number" in each["error"] for each in still_poison["failing"])
    assert {each["keys"]["orderId"]["S"] for each in still_poison["failing"]} == {order for order, _ in failed.poison}
    assert still_poison["records"]["failing"] == POISON
    assert still_poison["failures"]["OPEN"] == still_poison["failures"]["REPLAYED"] == 0
    assert statuses(failed) <= ({"PARTIAL", "FAILED"} if consolidated else {"FAILED"})
    assert failed.stored() == failed.good

    fix(world, tmp_path / "fixed")
    replayed = replay_all(world)
    assert (replayed.left, replayed.failing) == (0, [])
    check_all_replayed(failed)

    exit_code, again = _replay_dlq(world)
    assert (exit_code, sum(again["failures"].values()), again["records"]) == (0, 0, {"replayed": 0, "failing": 0})
