"""The CloudFormation template: every attribute has a translation, and every reference has its resource."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.cloudformation import KINDS, MANAGED_BY, logical_id
from pipectl.commands.template import create
from pipectl.config.loading import load
from pipectl.engine.model import Resource
from pipectl.pipeline import Pipeline
from tests.support import ACCOUNT, REGION, write_config

WHERE: Any = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path, {"permissions_boundary": "arn:aws:iam::{account_id}:policy/boundary"})


@pytest.fixture
def resources(file: Path) -> dict[str, Resource]:
    return Pipeline(load(file), file, WHERE).resources()


@pytest.fixture
def template(file: Path) -> dict[str, Any]:
    return dict(create(load(file), file, WHERE, None).document)


def test_every_attribute_of_every_kind_has_a_translation(resources: dict[str, Resource]) -> None:
    """An attribute without one is a `KeyError`; a translation without an attribute is never used."""
    managed: dict[str, set[str]] = {}
    for resource in resources.values():
        managed.setdefault(resource.kind, set()).update(resource.desired({}))
    translated = {kind: {*each.attributes, *each.parts} for kind, each in KINDS.items()}
    assert translated == managed


def test_every_value_is_in_the_template(resources: dict[str, Resource], template: dict[str, Any]) -> None:
    """Each plain value that is not empty is written, and so are the members of lists and mappings."""
    for key, resource in resources.items():
        own = logical_id(key)
        written = {
            leaf for each, body in template["Resources"].items() if each.startswith(own) for leaf in leaves(body)
        }
        desired = {name: value for name, value in resource.desired({}).items() if name not in REWRITTEN}
        assert {leaf for leaf in leaves(desired) if leaf not in (None, False, "pipectl")} <= written, key


REWRITTEN = ("billing", "retention_days", "indexes", "code_sha256", "source", "encryption", "role_id", "live")
"""Attributes whose values CloudFormation writes otherwise."""


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for member in value.values():
            yield from leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member)
    else:
        yield value


def test_values_that_cloudformation_writes_otherwise(template: dict[str, Any]) -> None:
    made = template["Resources"]
    assert made["DeadLetterQueue"]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    table = made["AuditTable"]["Properties"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["KeySchema"] == [
        {"AttributeName": "auditId", "KeyType": "HASH"},
        {"AttributeName": "timestamp", "KeyType": "RANGE"},
    ]
    assert [each["AttributeName"] for each in table["AttributeDefinitions"]] == [
        *("auditId", "timestamp", "failureType", "unresolved"),
    ]


def test_a_stack_creates_tables_on_demand_whatever_the_config_keeps(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"orders-table": {"billing": "keep"}})
    table = create(load(file), file, WHERE, None).document["Resources"]["OrdersTable"]
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


def test_every_reference_has_its_resource(template: dict[str, Any]) -> None:
    for key, body in template["Resources"].items():
        assert set(body.get("DependsOn", [])) <= template["Resources"].keys() - {key}
    source = template["Resources"]["StreamMapping"]["Properties"]["EventSourceArn"]
    assert source == {"Fn::GetAtt": ["OrdersTable", "StreamArn"]}
    assert "OrdersTable" not in template["Resources"]["StreamMapping"]["DependsOn"]
    assert template["Outputs"]["DeadLetterQueueUrl"] == {"Value": {"Ref": "DeadLetterQueue"}}


def test_a_stack_is_not_managed_by_pipectl(template: dict[str, Any]) -> None:
    tags = [body["Properties"]["Tags"] for body in template["Resources"].values() if "Tags" in body["Properties"]]
    assert len(tags) == len(template["Resources"]) - 4  # two policies, a version and an alias have none
    assert all({"Key": "ManagedBy", "Value": MANAGED_BY} in each for each in tags)


def test_data_outlive_the_stack(resources: dict[str, Resource], template: dict[str, Any]) -> None:
    retained = {key for key, body in template["Resources"].items() if body.get("DeletionPolicy") == "Retain"}
    assert retained == {logical_id(key) for key, resource in resources.items() if resource.holds_data}


def test_alarms_that_are_off_are_left_out(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"extra_alarms": False})
    written = create(load(file), file, WHERE, None).document["Resources"]
    assert [key for key in written if key.endswith("Alarm")] == ["ErrorsAlarm"]
