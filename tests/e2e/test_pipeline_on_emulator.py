"""The pipeline from `up` to `down` on the local emulator: failures retried, bisected, audited, fixed and replayed.

IAM is enforced and the functions are executed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipectl.cli.main import main
from pipectl.commands.down import down
from pipectl.commands.logs import Search, logs, logs_of_failure
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.failures.audit_table import Selection
from pipectl.local import node
from pipectl.local.home import LocalEmulator
from tests.e2e.mending import check_all_replayed, fix, replay_all, statuses
from tests.e2e.orders import Orders
from tests.support import NODEJS, THOROUGH, World, make_world, new_account, yes

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(170)]


def test_thirty_orders_with_five_poison_orders(emulator: LocalEmulator, tmp_path: Path) -> None:
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=new_account())
    _run_from_up_to_down(world, 300 if THOROUGH else 30, 5, {}, tmp_path / "fixed")


@pytest.mark.xdist_group("harsh")
@pytest.mark.parametrize("functions", [NODEJS, *([{}] if THOROUGH else [])], ids=["nodejs", "python"][: 1 + THOROUGH])
def test_late_metrics_old_counts_rolling_shards_and_consolidated_failures(
    functions: dict[str, Any], emulator_harsh: LocalEmulator, tmp_path: Path
) -> None:
    node.provide(emulator_harsh.home)
    small = {"stream-mapping": {"batch_size": 10, "retry_attempts": 2}}
    world = make_world(tmp_path, functions | small, endpoint_url=emulator_harsh.endpoint_url, account=new_account())
    count, poison = (120, 8) if THOROUGH else (24, 3)
    _run_from_up_to_down(world, count, poison, small, tmp_path / "fixed", consolidated=True)


def _run_from_up_to_down(
    world: World, count: int, poison: int, mapping: dict[str, Any], fixed: Path, *, consolidated: bool = False
) -> None:
    assert {change.action for change in up(world.context(), yes).changes} == {Action.CREATE}
    orders = Orders(world, world.context().pipeline.physical)
    _check_processing(orders, count, poison, consolidated=consolidated)
    assert {each.state for each in status(world.context()).resources} == {State.IN_SYNC}
    _check_logs(orders)
    _check_replay_before_the_fix(orders, consolidated=consolidated)
    fix(world, fixed, mapping)
    replayed = replay_all(world)
    assert (replayed.left, replayed.failing) == (0, ())
    check_all_replayed(orders)
    exit_code, again = _replay_dlq(world)
    assert (exit_code, sum(again["failures"].values()), again["records"]) == (0, 0, {"replayed": 0, "failing": 0})
    down(world.context(), yes, delete_data=True)
    assert {each.state for each in status(world.context()).resources} == {State.MISSING}


def _check_processing(orders: Orders, count: int, poison: int, *, consolidated: bool) -> None:
    """Write orders, and check what is stored, audited and quarantined, and the alarm."""
    world, names = orders.world, orders.names
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
    kept = orders.bodies("failed-data")
    assert {key: body["record"] for key, body in kept.items()} == orders.quarantine()
    assert {body["failure"]["functionVersion"] for body in kept.values()} == {"1"}
    assert {body["failure"]["reason"] for body in kept.values()} == {
        'InvalidOrderError: amount must be a number, got "twelve"'
    }

    def alarm() -> str:
        return world.aws.cloudwatch.describe_alarms(AlarmNames=[names.errors_alarm])["MetricAlarms"][0]["StateValue"]

    world.aws.wait(lambda: alarm() == "ALARM", "the errors alarm", 30)


def _check_logs(orders: Orders) -> None:
    """Check that the lines of each failed order are found, by its key and by its failure, and no others."""
    context = orders.world.context()
    start = context.aws.clock.now() - timedelta(minutes=10)
    search, poison = Search(("processor", "auditor"), start), {order for order, _ in orders.poison}
    errors = logs(context, replace(search, errors=True)).lines
    assert {order for line in errors for order in line.orders} == poison
    assert any(line.entry.text.startswith("BatchError: record with keys") for line in errors)
    assert all(line.function == "processor" for line in errors)
    assert set(errors) <= set(logs(context, search).lines)
    for order in poison:
        found = logs(context, replace(search, order=order)).lines
        assert {line.orders for line in found} == {(order,)}
        assert found[0].entry.text.startswith("InvalidOrderError: amount must be a number")
    failure = next(context.audit_table.find(Selection(start)))
    found = logs_of_failure(context, failure.audit_id[:12], search).lines
    assert found
    assert set(found) <= set(errors)


def _check_replay_before_the_fix(orders: Orders, *, consolidated: bool) -> None:
    exit_code, report = _replay_dlq(orders.world)
    assert exit_code == 4
    assert {int(each["sequenceNumber"]) for each in report["failing"]} == orders.poison_numbers()
    assert all("amount must be a number" in each["error"] for each in report["failing"])
    assert {each["keys"]["orderId"]["S"] for each in report["failing"]} == {order for order, _ in orders.poison}
    assert report["records"]["failing"] == len(orders.poison)
    assert report["failures"]["OPEN"] == report["failures"]["REPLAYED"] == 0
    assert statuses(orders) <= ({"PARTIAL", "FAILED"} if consolidated else {"FAILED"})
    assert orders.stored() == orders.good


def _replay_dlq(world: World) -> tuple[int, dict[str, Any]]:
    """Run the command; return its exit code and its JSON document."""
    words = ["-c", world.file, "--endpoint-url", world.aws.endpoint_url, "-o", "json", "replay-dlq", "--yes"]
    environment = {"AWS_ACCESS_KEY_ID": world.aws.account_id, "AWS_SECRET_ACCESS_KEY": "test"}
    result = CliRunner().invoke(main, list(map(str, words)), env=environment)
    return result.exit_code, json.loads(result.stdout)
