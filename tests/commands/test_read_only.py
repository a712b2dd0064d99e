"""Commands that only read: none of their recorded calls can change anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.commands import config
from pipectl.commands.list import list_pipelines, read_configs
from pipectl.commands.outputs import outputs
from pipectl.commands.plan import plan
from pipectl.commands.status import status
from pipectl.errors import PipectlError
from pipectl.packaging.dependencies.tools import Tools
from pipectl.resource_keys import ResourceKey
from tests.cli_support import pipectl
from tests.moto_snapshot import create_pipeline
from tests.support import FakeClock, World, make_world

COMMANDS: dict[str, Callable[[World], object]] = {
    "plan": lambda world: plan(world.context()),
    "plan --adopt": lambda world: plan(world.context(), adopt=tuple(ResourceKey)),
    "status": lambda world: status(world.context()),
    "outputs": lambda world: outputs(world.context()),
    "list": lambda world: list_pipelines(world.aws, world.file, read_configs(world.file), lambda *_: world.context()),
}
OFFLINE = ("check", "show", "schema")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    with mock_aws():
        yield make_world(tmp_path, clock=FakeClock())


@pytest.fixture
def existing(empty: World) -> World:
    create_pipeline(empty)
    empty.calls.clear()
    return empty


@pytest.fixture
def drifted(existing: World) -> World:
    """Return a pipeline with a drifted, a deleted and an unmanaged resource."""
    aws = existing.aws
    aws.lambda_.update_function_configuration(FunctionName="dev-order-processor-lambda-backend", MemorySize=512)
    aws.cloudwatch.delete_alarms(AlarmNames=["dev-order-processor-errors-alarm-backend"])
    role = "dev-audit-processor-role-backend"
    aws.iam.untag_role(RoleName=role, TagKeys=["ManagedBy"])
    existing.calls.clear()
    return existing


@pytest.mark.moto
@pytest.mark.parametrize("there", ["empty", "existing", "drifted"])
@pytest.mark.parametrize("name", COMMANDS)
def test_only_reads(name: str, there: str, request: pytest.FixtureRequest) -> None:
    world: World = request.getfixturevalue(there)
    try:
        COMMANDS[name](world)
    except PipectlError:
        assert name == "outputs"
        assert there != "existing"
    assert [call for call in world.calls if call.service != "sts"]
    assert world.writes() == []


@pytest.mark.parametrize("command", OFFLINE)
def test_config_commands_call_no_aws(command: str, tmp_path: Path) -> None:
    """Run with ``-v``, which prints every call, and without an AWS that could answer."""
    world = make_world(tmp_path)
    result = pipectl("-c", world.file, "-v", "-o", "json", "config", command)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert json.loads(result.stdout)
    assert world.calls == []


def test_config_check_builds_what_up_would_upload(existing: World) -> None:
    checked = config.check(existing.config, existing.file, Tools())
    found = existing.aws.lambda_.get_function(FunctionName="dev-order-processor-lambda-backend")
    assert checked["processor"].sha256 == found["Configuration"]["CodeSha256"]


def test_a_write_is_recorded(existing: World) -> None:
    existing.aws.lambda_.tag_resource(
        Resource=f"arn:aws:lambda:us-east-1:{existing.aws.account_id}:function:dev-order-processor-lambda-backend",
        Tags={"a": "b"},
    )
    assert existing.writes() == ["lambda:TagResource"]
