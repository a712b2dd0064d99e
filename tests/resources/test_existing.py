"""Existing resources of every kind: kept, adopted, taken over, tagged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import Action
from tests.resources.direct_access import TAKES_OVER_UNTAGGED, DirectAccess, narrow
from tests.resources.standard import MANAGED_TAGS, ONE_OF_EACH, OTHER_TAGS, managed_tags, planned
from tests.support import yes

each = pytest.mark.parametrize("key", ONE_OF_EACH)


@pytest.fixture
def unmanaged(existing: DirectAccess, key: str) -> Iterator[DirectAccess]:
    """Return a pipeline in which one resource has other tags."""
    resource = existing.resources[key]
    existing.tag(resource, OTHER_TAGS)
    existing.untag(resource, managed_tags(key))
    existing.world.writes()
    yield existing
    existing.tag(resource, managed_tags(key))
    existing.untag(resource, OTHER_TAGS)


@each
def test_an_existing_resource_is_kept_without_a_write(existing: DirectAccess, key: str) -> None:
    existing.world.writes()
    up(narrow(existing.world, key, existing=True), yes)
    assert existing.world.writes() == []


@each
def test_an_unmanaged_resource_is_adopted_and_keeps_its_tags(unmanaged: DirectAccess, key: str) -> None:
    assert planned(unmanaged, key, adopt=[key], existing=True).action is Action.ADOPT
    up(narrow(unmanaged.world, key, existing=True), yes, adopt=[key])
    assert unmanaged.tags(unmanaged.resources[key]) == managed_tags(key) | OTHER_TAGS
    assert planned(unmanaged, key, existing=True).action is Action.KEEP


@each
def test_other_tags_are_kept(existing: DirectAccess, key: str) -> None:
    resource = existing.resources[key]
    existing.tag(resource, OTHER_TAGS)
    assert planned(existing, key, existing=True).action is Action.KEEP
    existing.tag(resource, {"Team": "sales"})
    up(narrow(existing.world, key, existing=True), yes)
    assert existing.tags(resource) == managed_tags(key) | OTHER_TAGS
    existing.untag(resource, OTHER_TAGS)


@each
def test_a_removed_tag_is_restored(existing: DirectAccess, key: str) -> None:
    resource = existing.resources[key]
    existing.untag(resource, ["Team", "CostCenter"])
    change = planned(existing, key, existing=True)
    assert {path: delta.before for path, delta in change.attributes.items()} == {
        "tags.Team": None,
        "tags.CostCenter": None,
    }
    up(narrow(existing.world, key, existing=True), yes)
    assert existing.tags(resource) == managed_tags(key)


def test_an_untagged_log_group_of_lambda_is_taken_over(existing: DirectAccess) -> None:
    group = existing.resources["processor-log-group"]
    assert group.kind in TAKES_OVER_UNTAGGED
    existing.logs.delete_log_group(logGroupName=group.name)
    existing.logs.create_log_group(logGroupName=group.name)
    change = planned(existing, group.key, existing=True)
    assert change.action is Action.UPDATE
    assert change.attributes["retention_days"].before is None
    up(narrow(existing.world, group.key, existing=True), yes)
    assert existing.tags(group) == MANAGED_TAGS


def test_the_pipeline_is_unchanged_after_all_cases(existing: DirectAccess) -> None:
    context = existing.world.context()
    assert all(found is not None for found in context.observe().values())
    assert [c.resource for c in plan(context).changes if c.action is not Action.KEEP] == []
