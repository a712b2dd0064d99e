"""`status`: the state of every resource, and the health of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.client import Call
from pipectl.commands.status import State, status
from pipectl.monitoring.checks import Finding, Severity
from pipectl.resource_keys import ResourceKey
from tests.commands.existing_pipeline import existing
from tests.support import FakeClock, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    with existing(tmp_path, clock) as world:
        yield world


def states(world: World) -> dict[str, State]:
    return {each.resource: each.state for each in status(world.context()).resources}


def test_each_state_of_a_resource(world: World) -> None:
    names = world.context().pipeline.physical
    world.aws.cloudwatch.delete_alarms(AlarmNames=[names.errors_alarm])
    url = world.aws.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
    world.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})
    world.aws.iam.untag_role(RoleName=names.auditor_role, TagKeys=["ManagedBy"])
    found = states(world)
    assert found[ResourceKey.ERRORS_ALARM] is State.MISSING
    assert found[ResourceKey.DEAD_LETTER_QUEUE] is State.DRIFTED
    assert found[ResourceKey.AUDITOR_ROLE] is State.FOREIGN
    assert found[ResourceKey.ORDERS_TABLE] is State.IN_SYNC
    assert found.keys() == set(ResourceKey)


def test_missing_resources_are_findings(world: World) -> None:
    names = world.context().pipeline.physical
    world.aws.dynamodb.delete_table(TableName=names.audit_table)
    world.aws.cloudwatch.delete_alarms(AlarmNames=list(names.alarms))
    report = status(world.context())
    missing = {found.name for found in report.health.checks if found.finding is Finding.MISSING}
    assert missing == {"alarms", "open-failures"}
    assert not report.healthy


def test_a_processor_without_concurrency_stands_still(world: World) -> None:
    """It is found before the first order is throttled. moto does not report a concurrency of 0, as AWS does."""
    name = world.context().pipeline.physical.processor

    def attempt(call: Call, parameters: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        answer = send()
        if call.operation == "GetFunction" and parameters["FunctionName"] == name:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": 0}
        return answer

    world.aws.attempt = attempt
    (found,) = [each for each in status(world.context()).health.checks if each.name == "processor-throttles"]
    assert (found.severity, found.finding) == (Severity.FAILING, Finding.STOPPED)
