"""The billing of tables: `billing: on-demand` changes a provisioned table, `billing: keep` leaves it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.config.loading import load
from pipectl.engine.model import Action, Change
from pipectl.errors import AwsError, ConfigError
from tests.aws.fakes import client_error
from tests.resources.direct_access import DirectAccess, narrow
from tests.resources.scripted import resource as scripted
from tests.support import ACCOUNT, REGION, World, write_config, yes

TABLES = ("orders-table", "audit-table")
CAPACITY = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3}
each = pytest.mark.parametrize("key", TABLES)


@pytest.fixture
def provisioned(existing: DirectAccess, key: str) -> Iterator[DirectAccess]:
    """Return a pipeline in which one table is provisioned."""
    set_billing(existing, key, "PROVISIONED")
    existing.world.writes()
    yield existing
    if mode(existing, key) == "PROVISIONED":
        set_billing(existing, key, "PAY_PER_REQUEST")


@pytest.fixture
def keeping(existing: DirectAccess, key: str, tmp_path: Path) -> World:
    """Return the same pipeline with `billing: keep` for the table."""
    return dataclasses.replace(existing.world, file=write_config(tmp_path, {key: {"billing": "keep"}}))


def set_billing(direct: DirectAccess, key: str, billing_mode: str) -> None:
    name = direct.resources[key].name
    indexes = [index["IndexName"] for index in described(direct, key).get("GlobalSecondaryIndexes", [])]
    more: dict[str, Any] = {}
    if billing_mode == "PROVISIONED":
        more["ProvisionedThroughput"] = CAPACITY
        updates = [{"Update": {"IndexName": index, "ProvisionedThroughput": CAPACITY}} for index in indexes]
        more |= {"GlobalSecondaryIndexUpdates": updates} if updates else {}
    direct.dynamodb.update_table(TableName=name, BillingMode=billing_mode, **more)


def described(direct: DirectAccess, key: str) -> Any:
    return direct.dynamodb.describe_table(TableName=direct.resources[key].name)["Table"]


def mode(direct: DirectAccess, key: str) -> str:
    return str(described(direct, key).get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"))


def change_of(world: World, key: str) -> Change:
    (change,) = [each for each in plan(narrow(world, key, existing=True)).changes if each.resource == key]
    return change


@each
def test_a_provisioned_table_is_a_difference_that_says_what_it_means(provisioned: DirectAccess, key: str) -> None:
    change = change_of(provisioned.world, key)
    assert change.action is Action.UPDATE
    assert {path: (delta.before, delta.after) for path, delta in change.attributes.items()} == {
        "billing": ("provisioned", "on-demand")
    }
    assert "7 read and 3 write capacity units" in str(change.reason)
    assert "`billing: keep`" in str(change.reason)


@each
def test_on_demand_changes_the_billing_once(provisioned: DirectAccess, key: str) -> None:
    up(narrow(provisioned.world, key, existing=True), yes)
    assert provisioned.world.writes() == ["dynamodb:UpdateTable"]
    assert mode(provisioned, key) == "PAY_PER_REQUEST"
    up(narrow(provisioned.world, key, existing=True), yes)
    assert provisioned.world.writes() == []


@each
def test_keep_leaves_billing_and_capacity_and_notes_them(provisioned: DirectAccess, keeping: World, key: str) -> None:
    change = change_of(keeping, key)
    assert (change.action, dict(change.attributes)) == (Action.KEEP, {})
    assert "billing is provisioned, with 7 read and 3 write capacity units, and is kept" in str(change.reason)
    up(narrow(keeping, key, existing=True), yes)
    assert keeping.writes() == []
    capacity = described(provisioned, key)["ProvisionedThroughput"]
    assert {name: capacity[name] for name in CAPACITY} == CAPACITY


@each
def test_keep_does_not_mention_an_on_demand_table(existing: DirectAccess, keeping: World, key: str) -> None:
    assert mode(existing, key) == "PAY_PER_REQUEST"
    change = change_of(keeping, key)
    assert (change.action, change.reason) == (Action.KEEP, None)


@each
def test_keep_repairs_other_differences(provisioned: DirectAccess, keeping: World, key: str) -> None:
    provisioned.dynamodb.update_table(TableName=provisioned.resources[key].name, DeletionProtectionEnabled=True)
    assert change_of(keeping, key).attributes.keys() == {"deletion_protection"}
    up(narrow(keeping, key, existing=True), yes)
    assert described(provisioned, key)["DeletionProtectionEnabled"] is False
    assert mode(provisioned, key) == "PROVISIONED"


@each
def test_keep_leaves_the_billing_of_an_adopted_table(provisioned: DirectAccess, keeping: World, key: str) -> None:
    provisioned.untag(provisioned.resources[key], ["ManagedBy"])
    up(narrow(keeping, key, existing=True), yes, adopt=[key])
    assert provisioned.tags(provisioned.resources[key])["ManagedBy"] == "pipectl"
    assert mode(provisioned, key) == "PROVISIONED"


@pytest.mark.parametrize("key", ["audit-table"])
def test_a_new_index_of_a_provisioned_table_has_its_capacity(
    provisioned: DirectAccess, keeping: World, key: str
) -> None:
    table = provisioned.resources[key].name
    delete = [{"Delete": {"IndexName": "unresolved-index"}}]
    provisioned.dynamodb.update_table(TableName=table, GlobalSecondaryIndexUpdates=delete)
    up(narrow(keeping, key, existing=True), yes)
    (index,) = [
        each
        for each in described(provisioned, key)["GlobalSecondaryIndexes"]
        if each["IndexName"] == "unresolved-index"
    ]
    assert {name: index["ProvisionedThroughput"][name] for name in CAPACITY} == CAPACITY


@pytest.mark.emulator
def test_keep_on_the_emulator(emulator_direct: DirectAccess, tmp_path: Path) -> None:
    key, world = "audit-table", emulator_direct.world
    up(narrow(world, key), yes)
    table = emulator_direct.resources[key].name
    set_billing(emulator_direct, key, "PROVISIONED")
    delete = [{"Delete": {"IndexName": "unresolved-index"}}]
    emulator_direct.dynamodb.update_table(TableName=table, GlobalSecondaryIndexUpdates=delete)
    keeping = dataclasses.replace(world, file=write_config(tmp_path, {key: {"billing": "keep"}}))
    up(narrow(keeping, key), yes)
    assert mode(emulator_direct, key) == "PROVISIONED"
    capacities = [index["ProvisionedThroughput"] for index in described(emulator_direct, key)["GlobalSecondaryIndexes"]]
    assert [(each["ReadCapacityUnits"], each["WriteCapacityUnits"]) for each in capacities] == [(7, 3), (7, 3)]


@pytest.mark.parametrize("key", ["audit-table"])
def test_an_index_is_created_on_demand_when_the_billing_changes_before(provisioned: DirectAccess, key: str) -> None:
    """DynamoDB refuses a capacity for an index of an on-demand table."""
    table = provisioned.resources[key].name
    delete = [{"Delete": {"IndexName": "unresolved-index"}}]
    provisioned.dynamodb.update_table(TableName=table, GlobalSecondaryIndexUpdates=delete)
    sent: list[str] = []

    def attempt(call: Call, parameters: object, send: Callable[[], object]) -> object:
        sent.append(f"{call.operation} {parameters}")
        return send()

    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=provisioned.world.aws.clock, attempt=attempt)
    up(narrow(dataclasses.replace(provisioned.world, aws=aws), key, existing=True), yes)
    (created,) = [request for request in sent if "'Create'" in request]
    assert "Capacity" not in created
    assert mode(provisioned, key) == "PAY_PER_REQUEST"


@each
@pytest.mark.parametrize("billing", ["on-demand", "keep"])
def test_a_new_table_is_on_demand(existing: DirectAccess, tmp_path: Path, key: str, billing: str) -> None:
    changes = {"environment": f"new-{billing}", key: {"billing": billing}}
    direct = DirectAccess(dataclasses.replace(existing.world, file=write_config(tmp_path, changes)))
    world = direct.world
    change = {each.resource: each for each in plan(narrow(world, key)).changes}[key]
    assert change.attributes["billing"].after == "on-demand"
    up(narrow(world, key), yes)
    assert mode(direct, key) == "PAY_PER_REQUEST"


def test_a_table_without_a_billing_mode_in_its_description_is_provisioned(existing: DirectAccess) -> None:
    """DynamoDB does not name the mode of a table that was never on-demand."""

    def never_on_demand(answer: Any) -> Any:
        described = {name: value for name, value in answer["Table"].items() if name != "BillingModeSummary"}
        return {"Table": described | {"ProvisionedThroughput": {"NumberOfDecreasesToday": 0, **CAPACITY}}}

    table = scripted(existing, "orders-table", {"DescribeTable": [never_on_demand]})
    observed = table.observe()
    assert observed is not None
    assert observed.attributes["billing"] == "provisioned"


@pytest.mark.parametrize("key", ["orders-table"])
def test_a_change_of_billing_that_is_refused_for_a_day_has_a_hint(provisioned: DirectAccess, key: str) -> None:
    limit = client_error("LimitExceededException", "Update to PayPerRequest mode are limited to once in 1 day(s).")
    table = scripted(provisioned, key, {"UpdateTable": [limit]})
    observed = table.observe()
    assert observed is not None
    with pytest.raises(AwsError) as caught:
        table.update(table.desired({}), observed, {"billing"})
    assert "`billing: keep`" in str(caught.value.hint)


@pytest.mark.parametrize("value", ["provisioned", "PAY_PER_REQUEST", True, 0, ""])
def test_another_billing_is_a_config_error(tmp_path: Path, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            write_config(
                tmp_path,
                {"orders-table": {"billing": value}} if value is not None else {"orders-table": {"billing": {}}},
            )
        )
    (problem,) = caught.value.problems
    assert problem.key == "orders-table.billing"
