from pipectl.commands.up import up
from pipectl.engine.model import Action
from tests.support import World, yes


def test_second_up_only_reads(moto_world: World) -> None:
    first = up(moto_world.context(), yes)
    assert {change.action for change in first.changes} == {Action.CREATE}
    assert moto_world.writes()
    second = up(moto_world.context(), yes)
    assert {c.resource: c.attributes for c in second.changes if c.action is not Action.KEEP} == {}
    assert moto_world.writes() == []
