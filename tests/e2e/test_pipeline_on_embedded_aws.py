"""The whole pipeline on the embedded AWS: IAM enforced, functions executed, failures retried, bisected and audited."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.commands.down import down
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.local.lifecycle import LocalAws
from tests.e2e.orders import Orders
from tests.support import make_world, yes

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(170)]

ORDERS = 300
POISON = 5
ACCOUNT = "300000000005"


def test_three_hundred_orders_five_of_them_poison(server: tuple[LocalAws, bool], tmp_path: Path) -> None:
    running, consolidated = server
    world = make_world(tmp_path, endpoint_url=running.endpoint_url, account=ACCOUNT)
    assert {change.action for change in up(world.context(), yes).changes} == {Action.CREATE}
    names = world.context().pipeline.physical
    orders = Orders(world, names)

    orders.write(ORDERS, POISON)
    assert len(orders.poison) == POISON
    assert orders.records().keys() == orders.good.keys() | orders.poison
    orders.wait_until_settled()

    assert orders.stored() == orders.good
    versions = orders.object_versions()
    assert len(versions) == len(set(versions)) == len(orders.good) + POISON
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
