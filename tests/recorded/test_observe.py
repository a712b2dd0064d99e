"""Resources see no drift in answers of AWS, which have other keys than those of emulators.

moto gives the values, after `up`; `answers.yaml` gives the shape: what AWS answers beside is added, and what it does
not answer is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.calls import Call
from pipectl.commands.plan import plan
from pipectl.commands.status import State, status
from tests.moto_snapshot import create_pipeline
from tests.recorded.cases import poured, template
from tests.support import FakeClock, World, make_world, reads

_VALUES_OF_ANY_SHAPE = ("GetBucketTagging", "GetRole")
QUEUE_ONLY = {
    # keys of a mapping of a stream that one of a queue does not have
    "StartingPosition",
    "ParallelizationFactor",
    "LastProcessingResult",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        create_pipeline(world)
        world.aws.attempt = as_aws
        yield world


def as_aws(call: Call, params: Any, send: Callable[[], Any]) -> Any:
    answer = send()
    if not reads(call):
        return answer
    shaped = poured(template(call.service, call.operation), answer)
    for mapping in [*shaped.get("EventSourceMappings", []), shaped]:
        if ":sqs:" in mapping.get("EventSourceArn", ""):
            for name in QUEUE_ONLY:
                mapping.pop(name, None)
            mapping["StateTransitionReason"] = "USER_INITIATED"
    return shaped


def test_nothing_differs(world: World) -> None:
    assert plan(world.context()).pending == []
    states = {each.resource: each.state for each in status(world.context()).resources}
    assert set(states.values()) == {State.IN_SYNC}, json.dumps(states)


def test_keys_are_added_and_left_out(world: World) -> None:
    name = world.context().pipeline.physical.processor
    answer: Any = world.aws.lambda_.get_function(FunctionName=name)
    found = answer["Configuration"]
    assert found["FunctionName"] == name
    assert found["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert "RuntimeVersionConfig" in found
    assert "Layers" not in found
    table: Any = world.aws.dynamodb.describe_table(TableName=world.context().pipeline.physical.audit_table)["Table"]
    assert table["WarmThroughput"]["Status"] == "ACTIVE"
    assert {index["WarmThroughput"]["Status"] for index in table["GlobalSecondaryIndexes"]} == {"ACTIVE"}
    mappings: Any = world.aws.lambda_.list_event_source_mappings()["EventSourceMappings"]
    assert sum("LastProcessingResult" in each for each in mappings) <= 1
