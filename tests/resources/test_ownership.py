"""A resource that is not managed is refused by name, and never reported as absent, changed or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.context import Context
from pipectl.engine.model import Action, RefusalKind, Resource
from pipectl.errors import ForeignError, RequirementError
from tests.resources.direct_access import DirectAccess, narrow
from tests.resources.standard import ONE_OF_EACH, OTHER_TAGS, managed_tags
from tests.resources.unmanaged import COMMANDS, KEYS, OTHERS, RESOURCES, replace_tags, snapshot
from tests.support import THOROUGH, Recorder, yes

CASES = [
    (key, owner)
    for key, resource in RESOURCES.items()
    for owner in OTHERS
    if (resource.kind, owner) != ("log-group", "untagged")  # created by Lambda, so it is taken over
    if THOROUGH or key in ONE_OF_EACH or owner == "another environment"
]
FIRST_THAT_NEEDS = {key: name for name, (_, needs) in reversed(COMMANDS.items()) for key in needs}


@dataclass
class Only(Context):
    """A context of one resource, for `down`, so that the others remain for the next case."""

    key: str = ""

    @cached_property
    def resources(self) -> dict[str, Resource]:
        resource = self.pipeline.resources()[self.key]
        resource.needs = ()
        return {self.key: resource}


def _check_left_alone(context: Context) -> None:
    """Check that `down` changes nothing; if the only resource is another pipeline's, that is an error."""
    (change,) = plan(context).changes
    if change.refusal is RefusalKind.OTHER_PIPELINE:
        with pytest.raises(ForeignError) as refused:
            down(context, yes, delete_data=True)
        assert refused.value.resources == (change.resource,)
    else:
        report = down(context, yes, delete_data=True)
        assert [(each.action, each.refusal) for each in report.changes] == [(Action.KEEP, change.refusal)]


@pytest.mark.parametrize(("key", "owner"), CASES)
def test_an_unmanaged_resource_is_refused_by_name_and_not_changed(existing: DirectAccess, key: str, owner: str) -> None:
    world, resource, (tags, words) = existing.world, existing.resources[key], OTHERS[owner]
    replace_tags(existing, resource, tags)
    try:
        before = snapshot(existing, resource)
        world.writes()
        context = narrow(world, key, existing=True)
        with pytest.raises(ForeignError) as refused:
            up(context, yes)
        assert refused.value.resources == (key,)
        assert resource.name in refused.value.message
        assert words in refused.value.message
        _check_left_alone(Only(context.config, context.file, world.aws, Recorder(), key=key))
        assert world.writes() == []
        assert snapshot(existing, resource) == before
    finally:
        replace_tags(existing, resource, managed_tags(key))


@pytest.mark.parametrize("key", KEYS if THOROUGH else ONE_OF_EACH)
def test_one_unmanaged_resource_blocks_every_change(existing: DirectAccess, key: str) -> None:
    world, resource = existing.world, existing.resources[key]
    replace_tags(existing, resource, OTHER_TAGS)
    try:
        world.writes()
        with pytest.raises(ForeignError) as refused:
            up(world.context(), yes)
        assert refused.value.resource == key
        states = {each.resource: each.state for each in status(world.context()).resources}
        assert {other for other, state in states.items() if state is State.FOREIGN} == {key}
        assert world.writes() == []
    finally:
        replace_tags(existing, resource, managed_tags(key))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (name, key)
        for name, (_, needs) in COMMANDS.items()
        for key in needs
        if THOROUGH or key == needs[-1] or name == FIRST_THAT_NEEDS[key]
    ],
)
def test_a_command_requires_each_resource_to_be_managed(existing: DirectAccess, name: str, key: str) -> None:
    resource = existing.resources[key]
    replace_tags(existing, resource, OTHER_TAGS)
    try:
        existing.world.writes()
        with pytest.raises(RequirementError) as required:
            COMMANDS[name][0](existing.world.context())
        assert (required.value.missing, required.value.unmanaged) == ((), (key,))
        assert existing.world.writes() == []
    finally:
        replace_tags(existing, resource, managed_tags(key))


def test_the_pipeline_is_unchanged_after_all_cases(existing: DirectAccess) -> None:
    changes = plan(existing.world.context()).changes
    assert {each.resource: each.action for each in changes} == dict.fromkeys(KEYS, Action.KEEP)
