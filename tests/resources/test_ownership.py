"""One resource is not ours: refused by name, never read as absent, changed or removed. For every one there is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from pipectl.commands.up import up
from pipectl.context import Context
from pipectl.engine.model import Action, Resource
from pipectl.errors import ForeignError, RequirementError
from tests.resources.hands import Hands, narrow
from tests.resources.standard import OURS, STRANGER
from tests.resources.strangers import COMMANDS, KEYS, OTHERS, RESOURCES, disguise, snapshot
from tests.support import Recorder, yes

CASES = [
    (key, whose)
    for key, resource in RESOURCES.items()
    for whose in OTHERS
    if (resource.kind, whose) != ("log-group", "untagged")  # Lambda's own doing, and taken over
]


@dataclass
class Only(Context):
    """A context of one resource, for `down`: all that stands around it stays for the next case."""

    key: str = ""

    @cached_property
    def resources(self) -> dict[str, Resource]:
        resource = self.pipeline.resources()[self.key]
        resource.needs = ()
        return {self.key: resource}


@pytest.mark.parametrize(("key", "whose"), CASES)
def test_it_is_refused_by_name_and_left_as_it_is(standing: Hands, key: str, whose: str) -> None:
    world, resource, (tags, words) = standing.world, standing.resources[key], OTHERS[whose]
    disguise(standing, resource, tags)
    try:
        before = snapshot(standing, resource)
        world.writes()
        context = narrow(world, key, standing=True)
        with pytest.raises(ForeignError) as refused:
            up(context, yes)
        assert refused.value.resources == (key,)
        assert resource.name in refused.value.message
        assert words in refused.value.message
        removed = down(Only(context.config, context.file, world.aws, Recorder(), key=key), yes, delete_data=True)
        assert [each.action for each in removed.changes] == [Action.KEEP]
        assert all(each.refusal and each.refusal.unmanaged for each in removed.changes)
        assert world.writes() == []
        assert snapshot(standing, resource) == before
    finally:
        disguise(standing, resource, OURS)


@pytest.mark.parametrize("key", KEYS)
def test_in_the_whole_pipeline_it_alone_is_foreign_and_keeps_all_others_from_being_touched(
    standing: Hands, key: str
) -> None:
    world, resource = standing.world, standing.resources[key]
    disguise(standing, resource, STRANGER)
    try:
        world.writes()
        with pytest.raises(ForeignError) as refused:
            up(world.context(), yes)
        assert refused.value.resource == key
        states = {each.resource: each.state for each in status(world.context()).resources}
        assert {other for other, state in states.items() if state is State.FOREIGN} == {key}
        assert world.writes() == []
    finally:
        disguise(standing, resource, OURS)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, (_, needs) in COMMANDS.items() for key in needs])
def test_a_command_needs_each_of_them_to_be_ours(standing: Hands, name: str, key: str) -> None:
    resource = standing.resources[key]
    disguise(standing, resource, STRANGER)
    try:
        standing.world.writes()
        with pytest.raises(RequirementError) as lacking:
            COMMANDS[name][0](standing.world.context())
        assert (lacking.value.missing, lacking.value.unmanaged) == ((), (key,))
        assert standing.world.writes() == []
    finally:
        disguise(standing, resource, OURS)


def test_all_cases_left_the_pipeline_as_it_was(standing: Hands) -> None:
    changes = plan(standing.world.context()).changes
    assert {each.resource: each.action for each in changes} == dict.fromkeys(KEYS, Action.KEEP)
