"""`plan`: all changes, and the outputs as far as they are known."""

from __future__ import annotations

from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import UNKNOWN, Action, RefusalKind
from pipectl.orphans import Search
from pipectl.resource_keys import ResourceKey
from tests.support import World, yes


def test_an_empty_account_needs_every_resource_and_has_no_outputs(moto_world: World) -> None:
    report = plan(moto_world.context())
    assert {change.resource for change in report.changes} == set(ResourceKey)
    assert {change.action for change in report.changes} == {Action.CREATE}
    assert report.pending == list(report.changes)
    assert report.refused == []
    assert report.outputs == {}
    assert report.orphans == Search()
    assert [call.operation for call in moto_world.calls if call.service == "resourcegroupstaggingapi"] == [
        "GetResources"
    ]
    assert moto_world.writes() == []


def test_a_value_that_aws_chooses_is_unknown(moto_world: World) -> None:
    (mapping,) = [each for each in plan(moto_world.context()).changes if each.resource == ResourceKey.STREAM_MAPPING]
    assert mapping.attributes["source"].after is UNKNOWN


def test_a_pipeline_that_is_up_to_date_has_no_changes_and_all_outputs(moto_world: World) -> None:
    made = up(moto_world.context(), yes)
    moto_world.calls.clear()
    report = plan(moto_world.context())
    assert {change.action for change in report.changes} == {Action.KEEP}
    assert report.pending == []
    assert report.outputs == made.outputs
    assert moto_world.writes() == []


def test_a_refused_resource_has_no_outputs(moto_world: World) -> None:
    up(moto_world.context(), yes)
    table = moto_world.context().pipeline.physical.orders_table
    arn = moto_world.aws.dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
    moto_world.aws.dynamodb.untag_resource(ResourceArn=arn, TagKeys=["ManagedBy"])
    report = plan(moto_world.context())
    assert [(change.resource, change.refusal) for change in report.refused] == [
        (ResourceKey.ORDERS_TABLE, RefusalKind.NOT_MANAGED)
    ]
    assert "OrdersTableName" not in report.outputs
    assert "ProcessorFunctionName" in report.outputs


def test_adopting_is_part_of_the_plan(moto_world: World) -> None:
    up(moto_world.context(), yes)
    url = moto_world.aws.sqs.get_queue_url(QueueName=moto_world.context().pipeline.physical.queue)["QueueUrl"]
    moto_world.aws.sqs.untag_queue(QueueUrl=url, TagKeys=["ManagedBy"])
    actions = {
        change.resource: change.action for change in plan(moto_world.context(), adopt=tuple(ResourceKey)).pending
    }
    assert actions == {ResourceKey.DEAD_LETTER_QUEUE: Action.ADOPT}
