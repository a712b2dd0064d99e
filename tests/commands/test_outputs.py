"""`outputs`: names, ARNs and URLs."""

from __future__ import annotations

import pytest

from pipectl.commands.outputs import outputs
from pipectl.commands.up import up
from pipectl.errors import RequirementError
from pipectl.resource_keys import ResourceKey
from tests.support import World, yes


def test_the_outputs_are_those_of_up(moto_world: World) -> None:
    made = up(moto_world.context(), yes).outputs
    moto_world.calls.clear()
    assert outputs(moto_world.context()) == made
    assert moto_world.writes() == []
    names = moto_world.context().pipeline.physical
    assert made["OrdersTableName"] == names.orders_table
    assert made["OrdersTableStreamArn"].startswith(f"{made['OrdersTableArn']}/stream/")
    assert made["DeadLetterQueueUrl"].endswith(names.queue)
    assert made.keys() >= {"ProcessorFunctionName", "ProcessedBucketName", "AuditTableName", "AlarmName"}


def test_missing_resources_are_named(moto_world: World) -> None:
    with pytest.raises(RequirementError) as required:
        outputs(moto_world.context())
    assert set(required.value.missing) == set(moto_world.context().pipeline.output_resources)
    assert required.value.unmanaged == ()


def test_one_missing_resource_is_enough(moto_world: World) -> None:
    up(moto_world.context(), yes)
    names = moto_world.context().pipeline.physical
    moto_world.aws.cloudwatch.delete_alarms(AlarmNames=[names.errors_alarm])
    with pytest.raises(RequirementError) as required:
        outputs(moto_world.context())
    assert required.value.missing == (ResourceKey.ERRORS_ALARM,)
