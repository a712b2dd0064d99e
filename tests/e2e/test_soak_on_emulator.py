"""Many orders, some of them invalid, through the whole chain; `bench/soak.py` runs 100,000."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bench.soaked_orders import Outcome, SoakedOrders, outcome

from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.commands.verify import verify
from pipectl.failures.audit_table import UNRESOLVED_ONES
from pipectl.local.home import LocalEmulator
from tests.e2e.mending import fix, replay_all
from tests.support import PATIENCE, THOROUGH, make_world, new_account, yes

pytestmark = pytest.mark.emulator

ORDERS = 1200 if THOROUGH else 400
POISON = 5 / ORDERS
RIGHT = Outcome(missing=0, doubled=0, unexpected=0, not_audited=0, not_quarantined=0, waiting=0)


def test_many_orders_are_stored_once_and_the_invalid_ones_after_their_replay(
    emulator: LocalEmulator, tmp_path: Path
) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    orders = SoakedOrders(world.aws, world.context().pipeline.physical, ORDERS, POISON)
    orders.write()
    orders.wait_until_settled(2 * PATIENCE)
    assert outcome(orders, replayed=False) == RIGHT

    fix(world, tmp_path / "fixed", {})
    assert replay_all(world).replayed == len(orders.poisoned) == 5
    assert outcome(orders, replayed=True) == RIGHT
    checked = verify(world.context(), world.aws.clock.now() - timedelta(hours=1))
    assert (checked.read, checked.stored, checked.lost, checked.failed) == (ORDERS, ORDERS, 0, 0)
    assert list(world.context().audit_table.find(UNRESOLVED_ONES)) == []
    # Two versions of the processor, each with one process, or four on a busy machine: one for each shard.
    assert orders.processes(orders.names.processor) <= 8 < orders.invocations(orders.names.processor, "Errors")
    down(world.context(), yes, delete_data=True)
