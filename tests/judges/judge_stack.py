"""A stack of the template: `plan` finds only ownership and code to change, and `up --adopt all` takes it over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import PlanReport, plan
from pipectl.commands.template import create
from pipectl.commands.up import up
from pipectl.engine.model import Action, RefusalKind
from pipectl.local.home import LocalEmulator
from pipectl.resource_keys import ResourceKey
from tests.support import World, boto3_session, make_world, new_account, yes

CODE, STACK = "code-of-the-functions", "orders"
UNTAGGED = ("bucket", "mapping")
"""The kinds that the emulator's CloudFormation leaves without tags."""
NOT_IN_STACKS = {"table": {"point_in_time_recovery"}}
"""Attributes that the emulator's CloudFormation ignores."""


@pytest.fixture
def stack(emulator: LocalEmulator, tmp_path: Path) -> World:
    """Deploy the template of the config through CloudFormation."""
    account = new_account()
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=account)
    created = create(world.config, world.file, world.aws, None)
    world.aws.s3.create_bucket(Bucket=CODE)
    for name, body in created.packages.items():
        world.aws.s3.put_object(Bucket=CODE, Key=name, Body=body)
    cloudformation: Any = boto3_session(account, "test").client("cloudformation", endpoint_url=emulator.endpoint_url)
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(created.document),
        Parameters=[{"ParameterKey": "CodeBucket", "ParameterValue": CODE}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    world.aws.wait(lambda: status(cloudformation) != "CREATE_IN_PROGRESS", "the stack", 60)
    assert status(cloudformation) == "CREATE_COMPLETE", events(cloudformation)
    return world


def status(cloudformation: Any) -> str:
    (found,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    return str(found["StackStatus"])


def events(cloudformation: Any) -> list[str]:
    found = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in found if "ResourceStatusReason" in e]


def differing(report: PlanReport) -> dict[str, set[str]]:
    return {c.resource: set(c.attributes) for c in report.changes if c.action is not Action.KEEP}


def test_a_stack_is_the_pipeline_but_for_ownership(stack: World) -> None:
    resources = stack.context().resources
    report = plan(stack.context())
    assert {change.refusal for change in report.changes} == {RefusalKind.NOT_MANAGED}
    assert {change.resource for change in report.changes} == resources.keys()
    for key, attributes in differing(plan(stack.context(), adopt=tuple(ResourceKey))).items():
        kind, tags = resources[key].kind, {f"tags.{tag}" for tag in resources[key].desired({})["tags"]}
        ownership = tags if kind in UNTAGGED else {"tags.ManagedBy"}
        assert attributes == ownership | NOT_IN_STACKS.get(kind, set()), key
    up(stack.context(), yes, adopt=tuple(ResourceKey))
    assert differing(plan(stack.context())) == {}
    down(stack.context(), yes, delete_data=True)
