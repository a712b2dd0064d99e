"""A whole pipeline with the names of the config is not managed: one error names all resources, and nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipectl.commands.down import down
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.errors import ForeignError, RequirementError
from tests.cli_support import document, error, pipectl
from tests.resources.direct_access import DirectAccess
from tests.resources.unmanaged import COMMANDS, KEYS, OTHERS, named_in, replace_tags, snapshot, with_data
from tests.support import World, yes

READING_DATA = {"Query", "Scan", "GetItem", "GetObject", "ListObjectsV2", "GetRecords", "FilterLogEvents"}


@pytest.fixture(scope="module")
def unmanaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectAccess]:
    """Create a pipeline with the names of the config and the tags of others."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        with with_data(tmp_path_factory.mktemp("unmanaged")) as direct:
            for number, resource in enumerate(direct.resources.values()):
                tags = list(OTHERS.values())[1:][number % (len(OTHERS) - 1)][0]
                replace_tags(direct, resource, tags)
            yield direct


def _snapshots(direct: DirectAccess) -> dict[str, Any]:
    return {key: snapshot(direct, resource) for key, resource in direct.resources.items()}


@pytest.fixture(scope="module")
def before(unmanaged: DirectAccess) -> dict[str, Any]:
    """Return everything that AWS reports about the pipeline before the first test."""
    return _snapshots(unmanaged)


@pytest.fixture
def untouched(unmanaged: DirectAccess, before: dict[str, Any]) -> Iterator[World]:
    """Return the unmanaged pipeline. Check afterwards that nothing changed and that no call could change it."""
    unmanaged.world.calls.clear()
    yield unmanaged.world
    assert unmanaged.world.writes() == []
    assert _snapshots(unmanaged) == before


def test_up_refuses_all_resources_in_one_error(untouched: World, unmanaged: DirectAccess) -> None:
    with pytest.raises(ForeignError) as refused:
        up(untouched.context(), yes)
    assert named_in(refused.value.message, unmanaged) == set(KEYS)


def test_plan_shows_all_resources_and_fails(untouched: World, unmanaged: DirectAccess) -> None:
    result = pipectl("-c", untouched.file, "-o", "json", "plan")
    assert result.exit_code == 1
    assert {change["resource"]: change["action"] for change in document(result)["changes"]} == dict.fromkeys(
        KEYS, "refuse"
    )
    assert named_in(error(result)["message"], unmanaged) == set(error(result)["resources"]) == set(KEYS)


def test_status_reports_all_resources_as_not_managed(untouched: World) -> None:
    report = status(untouched.context())
    assert {each.resource: each.state for each in report.resources} == dict.fromkeys(KEYS, State.FOREIGN)
    assert not report.healthy


def test_down_refuses_the_config_of_another_project(untouched: World) -> None:
    """Some belong to another project, so the config is a wrong one."""
    with pytest.raises(ForeignError) as refused:
        down(untouched.context(), yes, delete_data=True)
    assert set(refused.value.resources) < set(KEYS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_reads_no_data_of_unmanaged_resources(untouched: World, unmanaged: DirectAccess, name: str) -> None:
    command, needs = COMMANDS[name]
    with pytest.raises(RequirementError) as required:
        command(untouched.context())
    assert set(needs) <= set(required.value.unmanaged)
    assert READING_DATA.isdisjoint(call.operation for call in untouched.calls)
