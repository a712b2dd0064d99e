"""`rollback` on the local emulator, where the code of each version is really executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.rollback import rollback
from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.e2e.mending import QUICK, replay_all
from tests.e2e.orders import Orders
from tests.support import make_world, new_account, yes

pytestmark = [pytest.mark.emulator]


def test_after_a_rollback_orders_and_replays_run_the_previous_code(emulator: LocalEmulator, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "handler.py").write_text("def handler(event, context):\n    raise ValueError('a bad release')\n")
    world = make_world(tmp_path, QUICK, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    orders.write(1, 0)
    orders.wait_until_settled()

    up(world.context(processor={"source": str(bad)}, **QUICK), yes)
    orders.write(1, 0, first=1)
    world.aws.wait(lambda: len(orders.audit_items()) == 1, "the failure of the bad release", 60)
    assert rollback(world.context(), yes, "ada").changed
    orders.write(1, 0, first=2)
    world.aws.wait(lambda: len(orders.keys("processed-data")) == 2, "the order after the rollback to be stored", 60)

    assert replay_all(world).left == 0
    assert orders.stored() == orders.good
    (change,) = plan(world.context()).pending
    assert (change.resource, {*change.attributes}) == ("processor", {"live.code_sha256"})
    down(world.context(), yes, delete_data=True)
