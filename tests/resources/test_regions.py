"""Ownership over two regions and two accounts: IAM roles are global, names of buckets too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.aws.client import Aws, Credentials
from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action, RefusalKind
from pipectl.errors import ForeignError
from pipectl.local.home import LocalEmulator
from pipectl.resource_keys import ResourceKey
from tests.moto_snapshot import create_pipeline
from tests.support import ACCOUNT, REGION, FakeClock, World, make_world, yes

OTHER_REGION = "us-west-2"
ROLES = ("processor-role", "auditor-role")
GLOBAL = (*ROLES, "bucket")
"""Resources whose names are the same in every region."""
OTHER_ACCOUNT = "210987654321"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[World]:
    """A pipeline in us-east-1, the config's region."""
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        create_pipeline(world)
        yield world


def in_region(world: World, region: str) -> World:
    """Return the same config and account with ``--region``."""
    aws = Aws(region, credentials=Credentials(ACCOUNT, "test"), clock=FakeClock(), on_call=world.calls.append)
    return replace(world, aws=aws)


def untag(world: World) -> None:
    """Remove the region's tag from the roles, as in pipelines that were created before it existed."""
    names = world.context().pipeline.physical
    for name in (names.processor_role, names.auditor_role):
        world.aws.iam.untag_role(RoleName=name, TagKeys=["Region"])
    world.calls.clear()


def roles(world: World) -> int:
    return len(world.aws.iam.list_roles()["Roles"])


@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "without the tag"])
def test_up_in_another_region_refuses_the_roles_by_name(home: World, tagged: bool) -> None:
    if not tagged:
        untag(home)
    elsewhere = in_region(home, OTHER_REGION)
    refused = {change.resource: change.refusal for change in plan(elsewhere.context()).refused}
    assert refused == dict.fromkeys(GLOBAL, RefusalKind.OTHER_REGION)
    elsewhere.calls.clear()
    with pytest.raises(ForeignError) as error:
        up(elsewhere.context(), yes, adopt=tuple(ResourceKey))
    assert set(error.value.resources) == set(GLOBAL)
    assert elsewhere.writes() == []


@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "without the tag"])
def test_down_in_another_region_leaves_the_roles_alone(home: World, tagged: bool) -> None:
    if not tagged:
        untag(home)
    elsewhere = in_region(home, OTHER_REGION)
    elsewhere.calls.clear()
    with pytest.raises(ForeignError) as error:
        down(elsewhere.context(), yes, delete_data=True)
    assert set(error.value.resources) == set(GLOBAL)
    assert elsewhere.writes() == []
    assert roles(home) == 2


def test_down_of_a_pipeline_that_lacks_its_roles_leaves_those_of_another_region(home: World) -> None:
    elsewhere = in_region(home, OTHER_REGION)
    orders = elsewhere.context().resources["orders-table"]
    orders.create(orders.desired({}))
    changes = {change.resource: change.action for change in down(elsewhere.context(), yes, delete_data=True).changes}
    assert changes == {"orders-table": Action.DELETE, **dict.fromkeys(GLOBAL, Action.KEEP)}
    assert roles(home) == 2


def test_status_in_another_region_shows_the_roles_as_foreign(home: World) -> None:
    states = {each.resource: each.state for each in status(in_region(home, OTHER_REGION).context()).resources}
    assert {key for key, state in states.items() if state is State.FOREIGN} == set(GLOBAL)


def test_roles_without_the_tag_are_managed_in_the_region_of_the_config_and_get_it(home: World) -> None:
    untag(home)
    pending = plan(home.context()).pending
    assert {change.resource: set(change.attributes) for change in pending} == {key: {"tags.Region"} for key in ROLES}
    up(home.context(), yes)
    assert plan(home.context()).pending == []


def test_other_names_allow_a_second_region(home: World) -> None:
    elsewhere = in_region(home, OTHER_REGION)
    context = elsewhere.context(environment="west", region=OTHER_REGION)
    up(context, yes)
    down(context, yes)
    assert roles(home) == 2


@pytest.mark.emulator
def test_two_accounts_have_pipelines_of_the_same_names(emulator: LocalEmulator, tmp_path: Path) -> None:
    worlds = {
        account: make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=account)
        for account in (OTHER_ACCOUNT, "210987654322")
    }
    for world in worlds.values():
        up(world.context(), yes)
    first, second = worlds.values()
    down(first.context(), yes)
    assert plan(second.context()).pending == []
    assert first.aws.region == REGION
    down(second.context(), yes)
