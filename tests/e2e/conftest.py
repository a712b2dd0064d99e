from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.local.home import LocalEmulator
from tests.e2e.mending import QUICK, fix, reopen, replay_all
from tests.e2e.orders import Orders
from tests.support import ACCOUNT, make_world, yes


@pytest.fixture(scope="session")
def mended(emulator: LocalEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    """A pipeline whose invalid orders have failed and were audited, and whose processor accepts them now.

    It stands once for all tests of the group "mended"; `mending.reopen` lets the orders have failed anew.
    """
    folder = tmp_path_factory.mktemp("mended")
    world = make_world(folder, QUICK, endpoint_url=emulator.endpoint_url, account=ACCOUNT)
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    orders.write(9, 3)
    orders.wait_until_settled()
    fix(world, folder / "fixed")
    yield orders
    down(world.context(), yes, delete_data=True)


@pytest.fixture(scope="session")
def operations_of_a_replay(mended: Orders) -> list[str]:
    """Return the operations that a replay of the open failures calls, in order."""
    reopen(mended)
    mended.world.calls.clear()
    replay_all(mended.world)
    return [call.operation for call in mended.world.calls]
