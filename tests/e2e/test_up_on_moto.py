import json

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.config.models import EXTRA_ALARMS
from pipectl.context import Context
from pipectl.engine.model import Action
from tests.moto_snapshot import create_pipeline
from tests.support import Recorder, World, yes

_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)


def done(context: Context) -> list[str]:
    """Return the resources in the order in which they were finished."""
    assert isinstance(context.reporter, Recorder)
    return context.reporter.done


def test_second_up_only_reads(moto_world: World) -> None:
    first = up(moto_world.context(), yes)
    assert {change.action for change in first.changes} == {Action.CREATE}
    assert moto_world.writes()
    second = up(moto_world.context(), yes)
    assert {c.resource: c.attributes for c in second.changes if c.action is not Action.KEEP} == {}
    assert moto_world.writes() == []


def test_a_resource_that_the_config_switches_off_is_deleted(moto_world: World) -> None:
    create_pipeline(moto_world)
    without = moto_world.context(extra_alarms=False)
    switched_off = {change.resource for change in plan(without).changes if change.action is Action.DELETE}
    assert switched_off == set(EXTRA_ALARMS)
    up(moto_world.context(extra_alarms=False), yes)
    again = plan(moto_world.context(extra_alarms=False))
    assert not again.pending
    assert not switched_off & {change.resource for change in again.changes}


def test_down_deletes_resources_that_the_config_has_switched_off(moto_world: World) -> None:
    create_pipeline(moto_world)
    down(moto_world.context(extra_alarms=False), yes, delete_data=True)
    alarms = moto_world.aws.cloudwatch.describe_alarms(AlarmNamePrefix="dev-")
    assert alarms["MetricAlarms"] == []


def test_the_queues_visibility_is_raised_before_the_auditors_timeout(moto_world: World) -> None:
    """Lambda refuses a timeout above the visibility of the queue that the function reads."""
    create_pipeline(moto_world)
    moto_world.calls.clear()
    slower = {"auditor": {"timeout": 200}, "dead-letter-queue": {"visibility_timeout": 1200}}
    up(moto_world.context(**slower), yes)
    assert moto_world.writes() == ["sqs:SetQueueAttributes", "lambda:UpdateFunctionConfiguration"]


def test_mappings_are_created_after_what_their_functions_use_and_deleted_before_it(moto_world: World) -> None:
    """A function that finds no bucket would exhaust the retries of every record."""
    context = moto_world.context()
    up(context, yes)
    made = done(context)
    assert made.index("bucket") < made.index("stream-mapping")
    assert "audit-table" in context.resources["queue-mapping"].needs, "its backups may be switched on later"

    context = moto_world.context()
    down(context, yes, delete_data=True)
    gone = done(context)
    assert gone.index("stream-mapping") < gone.index("processor") < gone.index("bucket")
    assert gone.index("queue-mapping") < gone.index("auditor") < gone.index("audit-table")
    assert set(gone[-2:]) == {"processor-log-group", "auditor-log-group"}, "an invocation would make them anew"


def test_the_log_group_of_an_unmanaged_function_is_not_changed(moto_world: World) -> None:
    context = moto_world.context()
    group = context.resources["processor-log-group"].name
    moto_world.aws.logs.create_log_group(logGroupName=group)
    moto_world.aws.iam.create_role(RoleName="unmanaged", AssumeRolePolicyDocument=_TRUST)
    moto_world.aws.lambda_.create_function(
        FunctionName=context.pipeline.physical.processor,
        Runtime="python3.14",
        Handler="handler.handler",
        Role=f"arn:aws:iam::{moto_world.aws.account_id}:role/unmanaged",
        Code={"ZipFile": b"PK\x05\x06" + b"\x00" * 18},
    )
    moto_world.calls.clear()
    down(moto_world.context(), yes)
    assert moto_world.writes() == []
