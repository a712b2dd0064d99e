"""All resources of our names are somebody else's: one refusal names them all, and nothing of them is touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipectl.commands.down import down
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.errors import ForeignError, RequirementError
from tests.cli_support import document, error, pipectl
from tests.resources.hands import Hands
from tests.resources.strangers import COMMANDS, KEYS, OTHERS, disguise, named_in, snapshot, with_data
from tests.support import World, yes

READING_DATA = {"Query", "Scan", "GetItem", "GetObject", "ListObjectsV2", "GetRecords", "FilterLogEvents"}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """A whole pipeline of our names that is not ours."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        with with_data(tmp_path_factory.mktemp("strangers")) as hands:
            for number, resource in enumerate(hands.resources.values()):
                tags = list(OTHERS.values())[1:][number % (len(OTHERS) - 1)][0]
                disguise(hands, resource, tags)
            yield hands


@pytest.fixture
def untouched(strangers: Hands) -> Iterator[World]:
    """The same; afterwards nothing of it has changed, and no call was made that could have changed it."""
    before = {key: snapshot(strangers, resource) for key, resource in strangers.resources.items()}
    strangers.world.calls.clear()
    yield strangers.world
    assert strangers.world.writes() == []
    assert {key: snapshot(strangers, resource) for key, resource in strangers.resources.items()} == before


def test_all_at_once_are_refused_in_one_error(untouched: World, strangers: Hands) -> None:
    with pytest.raises(ForeignError) as refused:
        up(untouched.context(), yes)
    assert named_in(refused.value.message, strangers) == set(KEYS)


def test_all_at_once_are_shown_by_plan_which_fails(untouched: World, strangers: Hands) -> None:
    result = pipectl("-c", untouched.file, "-o", "json", "plan")
    assert result.exit_code == 1
    assert {change["resource"]: change["action"] for change in document(result)["changes"]} == dict.fromkeys(
        KEYS, "refuse"
    )
    assert named_in(error(result)["message"], strangers) == set(KEYS)


def test_all_at_once_are_foreign_to_status(untouched: World) -> None:
    report = status(untouched.context())
    assert {each.resource: each.state for each in report.resources} == dict.fromkeys(KEYS, State.FOREIGN)
    assert not report.well


def test_all_at_once_are_left_by_down(untouched: World) -> None:
    report = down(untouched.context(), yes, delete_data=True)
    assert {each.resource: each.action for each in report.changes} == dict.fromkeys(KEYS, Action.KEEP)


@pytest.mark.parametrize("name", COMMANDS)
def test_all_at_once_are_not_even_read_by_a_command(untouched: World, strangers: Hands, name: str) -> None:
    command, needs = COMMANDS[name]
    with pytest.raises(RequirementError) as lacking:
        command(untouched.context())
    assert set(needs) <= set(lacking.value.unmanaged)
    assert READING_DATA.isdisjoint(call.operation for call in untouched.calls)
