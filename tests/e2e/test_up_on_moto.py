from pipectl.commands.down import down
from pipectl.commands.up import plan, up
from pipectl.engine.model import Action
from tests.support import World, yes


def test_second_up_only_reads(moto_world: World) -> None:
    first = up(moto_world.context(), yes)
    assert {change.action for change in first.changes} == {Action.CREATE}
    assert moto_world.writes()
    second = up(moto_world.context(), yes)
    assert {c.resource: c.attributes for c in second.changes if c.action is not Action.KEEP} == {}
    assert moto_world.writes() == []


def test_what_the_config_switches_off_goes(moto_world: World) -> None:
    up(moto_world.context(), yes)
    without = moto_world.context(extra_alarms=False)
    switched_off = {change.resource for change in plan(without).changes if change.action is Action.DELETE}
    assert switched_off == {"failures-alarm", "iterator-age-alarm", "auditor-errors-alarm", "lost-failures-alarm"}
    up(moto_world.context(extra_alarms=False), yes)
    again = plan(moto_world.context(extra_alarms=False))
    assert not again.pending
    assert not switched_off & {change.resource for change in again.changes}


def test_down_leaves_nothing_of_what_the_config_has_switched_off_since(moto_world: World) -> None:
    up(moto_world.context(), yes)
    down(moto_world.context(extra_alarms=False), yes, delete_data=True)
    alarms = moto_world.aws.cloudwatch.describe_alarms(AlarmNamePrefix="dev-")
    assert alarms["MetricAlarms"] == []


def test_the_queues_visibility_is_raised_before_the_auditors_timeout(moto_world: World) -> None:
    """Lambda refuses a timeout above the visibility of the queue that the function reads."""
    up(moto_world.context(), yes)
    moto_world.calls.clear()
    slower = {"auditor": {"timeout": 200}, "dead-letter-queue": {"visibility_timeout": 1200}}
    up(moto_world.context(**slower), yes)
    assert moto_world.writes() == ["sqs:SetQueueAttributes", "lambda:UpdateFunctionConfiguration"]
