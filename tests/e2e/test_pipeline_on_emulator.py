"""The whole pipeline on the local emulator: IAM enforced, functions executed, failures retried, bisected, audited."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.commands.down import down
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.local.home import LocalEmulator
from tests.e2e.orders import Orders
from tests.support import NODEJS, World, make_world, yes

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(170)]

ACCOUNT = "300000000005"
NODEJS_ACCOUNT = "300000000007"


def test_three_hundred_orders_five_of_them_poison(server: tuple[LocalEmulator, bool], tmp_path: Path) -> None:
    running, consolidated = server
    world = make_world(tmp_path, endpoint_url=running.endpoint_url, account=ACCOUNT)
    _from_up_to_down(world, 300, 5, consolidated=consolidated)


def test_forty_orders_two_of_them_poison_with_functions_in_nodejs(
    emulator_nodejs: LocalEmulator, tmp_path: Path
) -> None:
    # With three retries, two poison orders are the five errors of the alarm wherever in a batch they stand.
    changes = NODEJS | {"stream-mapping": {"batch_size": 10, "retry_attempts": 3}}
    world = make_world(tmp_path, changes, endpoint_url=emulator_nodejs.endpoint_url, account=NODEJS_ACCOUNT)
    _from_up_to_down(world, 40, 2, consolidated=False)


def _from_up_to_down(world: World, count: int, poison: int, *, consolidated: bool) -> None:
    assert {change.action for change in up(world.context(), yes).changes} == {Action.CREATE}
    names = world.context().pipeline.physical
    orders = Orders(world, names)

    orders.write(count, poison)
    assert len(orders.poison) == poison
    assert orders.records().keys() == orders.good.keys() | orders.poison
    orders.wait_until_settled()

    assert orders.stored() == orders.good
    versions = orders.object_versions()
    assert len(versions) == len(set(versions)) == len(orders.good) + poison
    if consolidated:
        assert orders.audited() >= orders.poison_numbers()
    else:
        assert orders.audited() == orders.poison_numbers()
    assert orders.bodies("failed-data") == orders.quarantine()

    def alarm() -> str:
        return world.aws.cloudwatch.describe_alarms(AlarmNames=[names.errors_alarm])["MetricAlarms"][0]["StateValue"]

    world.aws.wait(lambda: alarm() == "ALARM", "the errors alarm", 30)

    assert {each.state for each in status(world.context()).resources} == {State.IN_SYNC}
    down(world.context(), yes, delete_data=True)
    assert {each.state for each in status(world.context()).resources} == {State.MISSING}
