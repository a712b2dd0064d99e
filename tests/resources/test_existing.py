"""Existing resources of every kind: kept, adopted, taken over, tagged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import Action
from tests.resources.hands import TAKES_OVER_UNTAGGED, Hands, narrow
from tests.resources.standard import MANAGED_TAGS, ONE_OF_EACH, OTHER_TAGS, managed_tags, planned
from tests.support import yes

each = pytest.mark.parametrize("key", ONE_OF_EACH)


@pytest.fixture
def unmanaged(standing: Hands, key: str) -> Iterator[Hands]:
    """Return a pipeline in which one resource has other tags."""
    resource = standing.resources[key]
    standing.tag(resource, OTHER_TAGS)
    standing.untag(resource, managed_tags(key))
    standing.world.writes()
    yield standing
    standing.tag(resource, managed_tags(key))
    standing.untag(resource, OTHER_TAGS)


@each
def test_an_existing_resource_is_kept_without_a_write(standing: Hands, key: str) -> None:
    standing.world.writes()
    up(narrow(standing.world, key, standing=True), yes)
    assert standing.world.writes() == []


@each
def test_an_unmanaged_resource_is_adopted_and_keeps_its_tags(unmanaged: Hands, key: str) -> None:
    assert planned(unmanaged, key, adopt=True, standing=True).action is Action.ADOPT
    up(narrow(unmanaged.world, key, standing=True), yes, adopt=True)
    assert unmanaged.tags(unmanaged.resources[key]) == managed_tags(key) | OTHER_TAGS
    assert planned(unmanaged, key, standing=True).action is Action.KEEP


@each
def test_other_tags_are_kept(standing: Hands, key: str) -> None:
    resource = standing.resources[key]
    standing.tag(resource, OTHER_TAGS)
    assert planned(standing, key, standing=True).action is Action.KEEP
    standing.tag(resource, {"Team": "sales"})
    up(narrow(standing.world, key, standing=True), yes)
    assert standing.tags(resource) == managed_tags(key) | OTHER_TAGS
    standing.untag(resource, OTHER_TAGS)


@each
def test_a_removed_tag_is_restored(standing: Hands, key: str) -> None:
    resource = standing.resources[key]
    standing.untag(resource, ["Team", "CostCenter"])
    change = planned(standing, key, standing=True)
    assert {path: delta.before for path, delta in change.attributes.items()} == {
        "tags.Team": None,
        "tags.CostCenter": None,
    }
    up(narrow(standing.world, key, standing=True), yes)
    assert standing.tags(resource) == managed_tags(key)


def test_an_untagged_log_group_of_lambda_is_taken_over(standing: Hands) -> None:
    group = standing.resources["processor-log-group"]
    assert group.kind in TAKES_OVER_UNTAGGED
    standing.logs.delete_log_group(logGroupName=group.name)
    standing.logs.create_log_group(logGroupName=group.name)
    change = planned(standing, group.key, standing=True)
    assert change.action is Action.UPDATE
    assert change.attributes["retention_days"].before is None
    up(narrow(standing.world, group.key, standing=True), yes)
    assert standing.tags(group) == MANAGED_TAGS


def test_the_pipeline_is_unchanged_after_all_cases(standing: Hands) -> None:
    context = standing.world.context()
    assert all(found is not None for found in context.observe().values())
    assert [c.resource for c in plan(context).changes if c.action is not Action.KEEP] == []
