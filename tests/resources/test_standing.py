"""The same table of cases for every kind of resource: what is there already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import Action
from tests.resources.hands import TAKES_OVER_UNTAGGED, Hands, narrow
from tests.resources.standard import ONE_OF_EACH, OURS, STRANGER, planned
from tests.support import yes

each = pytest.mark.parametrize("key", ONE_OF_EACH)


@pytest.fixture
def strangers(standing: Hands, key: str) -> Iterator[Hands]:
    """A pipeline of which one resource lacks our tags and bears somebody's."""
    resource = standing.resources[key]
    standing.tag(resource, STRANGER)
    standing.untag(resource, OURS)
    standing.world.writes()
    yield standing
    standing.tag(resource, OURS)
    standing.untag(resource, STRANGER)


@each
def test_kept_without_a_writing_call(standing: Hands, key: str) -> None:
    standing.world.writes()
    up(narrow(standing.world, key, standing=True), yes)
    assert standing.world.writes() == []


@each
def test_foreign_is_adopted_when_asked_and_keeps_others_tags(strangers: Hands, key: str) -> None:
    assert planned(strangers, key, adopt=True, standing=True).action is Action.ADOPT
    up(narrow(strangers.world, key, standing=True), yes, adopt=True)
    assert strangers.tags(strangers.resources[key]) == OURS | STRANGER
    assert planned(strangers, key, standing=True).action is Action.KEEP


@each
def test_others_tags_are_left_alone(standing: Hands, key: str) -> None:
    resource = standing.resources[key]
    standing.tag(resource, STRANGER)
    assert planned(standing, key, standing=True).action is Action.KEEP
    standing.tag(resource, {"Team": "sales"})
    up(narrow(standing.world, key, standing=True), yes)
    assert standing.tags(resource) == OURS | STRANGER
    standing.untag(resource, STRANGER)


@each
def test_a_tag_that_was_removed_comes_back(standing: Hands, key: str) -> None:
    resource = standing.resources[key]
    standing.untag(resource, ["Team", "CostCenter"])
    change = planned(standing, key, standing=True)
    assert {path: delta.before for path, delta in change.attributes.items()} == {
        "tags.Team": None,
        "tags.CostCenter": None,
    }
    up(narrow(standing.world, key, standing=True), yes)
    assert standing.tags(resource) == OURS


def test_log_group_of_lambdas_own_making_is_taken_over(standing: Hands) -> None:
    group = standing.resources["processor-log-group"]
    assert group.kind in TAKES_OVER_UNTAGGED
    standing.logs.delete_log_group(logGroupName=group.name)
    standing.logs.create_log_group(logGroupName=group.name)
    change = planned(standing, group.key, standing=True)
    assert change.action is Action.UPDATE
    assert change.attributes["retention_days"].before is None
    up(narrow(standing.world, group.key, standing=True), yes)
    assert standing.tags(group) == OURS


def test_everything_is_as_it_was(standing: Hands) -> None:
    context = standing.world.context()
    assert all(found is not None for found in context.observe().values())
    assert [c.resource for c in plan(context).changes if c.action is not Action.KEEP] == []
