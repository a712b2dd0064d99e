"""An `up` switches the functions from Python to Node.js in place, while orders are written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipectl.commands.down import down
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.local.home import LocalEmulator
from tests.e2e.orders import Orders
from tests.support import NODEJS, make_world, yes

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(120)]

UNFORGIVING = {"stream-mapping": {"batch_size": 10, "retry_attempts": 0}}
"""No invocation may fail while code and runtime do not match."""


class Customers:
    """Write about twenty orders per second, numbered from ``first``, during the block."""

    def __init__(self, orders: Orders, first: int) -> None:
        self._orders, self._next, self._first = orders, first, first
        self._going, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Customers:
        self._thread.start()
        self._going.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def written(self) -> int:
        return self._next - self._first

    def _write(self) -> None:
        while not self._over.wait(0.05):
            self._orders.write(1, 0, first=self._next)
            self._next += 1
            self._going.set()


def test_every_order_written_before_during_and_after_is_stored_once(
    emulator_nodejs: LocalEmulator, tmp_path: Path
) -> None:
    endpoint_url = emulator_nodejs.endpoint_url
    world = make_world(tmp_path, UNFORGIVING, endpoint_url=endpoint_url, account="300000000009")
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    orders.write(20, 0)
    world.aws.wait(lambda: len(orders.keys("processed-data")) >= 5, "Python to have stored some", 60)

    with Customers(orders, 100) as customers:
        switched = up(world.context(**UNFORGIVING, **NODEJS), yes)
    assert customers.written > 1
    assert {c.resource: c.action for c in switched.changes if c.action is not Action.KEEP} == {
        "processor": Action.UPDATE,
        "auditor": Action.UPDATE,
    }
    again = up(world.context(**UNFORGIVING, **NODEJS), yes)
    assert {change.action for change in again.changes} == {Action.KEEP}

    orders.write(20, 0, first=900)
    orders.wait_until_settled()
    assert orders.stored() == orders.good
    versions = orders.object_versions()
    assert len(versions) == len(set(versions)) == len(orders.good) == 40 + customers.written
    assert orders.audit_items() == []
    down(world.context(), yes, delete_data=True)
