"""`status`: the state of every resource, and the health of the pipeline."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.commands.status import State, status
from pipectl.errors import AccessDeniedError
from pipectl.failures.explanation import Safety
from pipectl.failures.model import quarantine_key
from pipectl.monitoring.checks import Finding, Severity
from pipectl.output import status as output
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import rfc3339
from tests.commands.existing_pipeline import fail, write
from tests.output.screens import printed
from tests.support import World


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


def _quarantined_failure(world: World) -> None:
    """Let an order fail; its record is in the quarantine, with the reason."""
    (record,) = write(world, "order-1")
    fail(world, record, record)
    bare = {name: value for name, value in record.items() if name != "shard"}
    body = {"record": bare, "failure": {"reason": "InvalidOrderError: amount must be a number"}}
    world.aws.s3.put_object(
        Bucket=world.context().pipeline.physical.bucket,
        Key=quarantine_key(world.config.bucket.failed_prefix, record),
        Body=json.dumps(body, default=str).encode(),
    )
    world.calls.clear()


def test_unresolved_failures_come_with_order_reason_and_safety(world: World) -> None:
    _quarantined_failure(world)
    found = status(world.context()).health.unresolved
    assert found is not None
    (group,) = found.groups
    assert (group.cause, group.orders) == ("InvalidOrderError: amount must be a number", ("order-1",))
    assert (found.at(Safety.QUARANTINED), found.problems) == (1, ())
    assert Counter(call.operation for call in world.calls)["GetObject"] == 1


def test_without_the_permission_to_read_orders_failures_are_still_counted(world: World) -> None:
    _quarantined_failure(world)

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "GetObject":
            raise AccessDeniedError("s3 GetObject: denied")
        return send()

    world.aws.attempt = attempt
    found = status(world.context()).health.unresolved
    assert found is not None
    assert (found.count, found.orders) == (1, ())
    assert any("denied" in problem for problem in found.problems)


def test_a_denied_call_for_metrics_is_made_once(world: World) -> None:
    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "GetMetricData":
            denied.append(call)
            raise AccessDeniedError("cloudwatch GetMetricData: denied")
        return send()

    denied: list[Call] = []
    world.aws.attempt = attempt
    report = status(world.context())
    assert len(denied) == 1
    assert (report.health.activity, report.health.flow.queued) == (None, 0)
    assert {check.finding for check in report.health.checks} >= {Finding.UNREADABLE, Finding.OK}


def test_errors_before_a_rollback_do_not_count(world: World) -> None:
    processor = world.context().pipeline.physical.processor
    world.aws.lambda_.update_alias(
        FunctionName=processor,
        Name="live",
        Description=f"rolled back from version 2 to version 1 at {rfc3339(world.aws.clock.now())} by ada",
    )
    found = status(world.context()).health.deploy
    assert found is not None
    assert (found.version, found.rolled_back) == ("1", True)
    assert abs(found.at - world.aws.clock.now()) < timedelta(seconds=2)


DENIED = {
    "DescribeAlarms": {"errors-alarm": "alarms"},
    "GetQueueAttributes": {"dead-letter-queue": "queue"},
    "GetFunction": {"processor": "processor"},
    "GetRole": {"processor-role": "processor-role"},
    "ListEventSourceMappings": {"stream-mapping": "iterator-age"},
}


@pytest.mark.parametrize("operation", DENIED)
def test_a_resource_that_must_not_be_read_is_unreadable_and_the_others_are_reported(
    world: World, operation: str
) -> None:
    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == operation:
            error = AccessDeniedError(f"{call.service} {operation}: denied")
            error.actions = (f"{call.service}:{operation}",)
            raise error
        return send()

    before = states(world)
    world.aws.attempt = attempt
    report = status(world.context())
    found = {each.resource: each for each in report.resources}
    ((resource, check),) = DENIED[operation].items()
    assert (found[resource].state, f":{operation}" in str(found[resource].reason)) == (State.UNREADABLE, True)
    others = {key: each.state for key, each in found.items() if each.state is not State.UNREADABLE}
    assert others == {key: before[key] for key in others}
    assert others
    (made,) = [each for each in report.health.checks if each.name == check]
    assert (made.severity, made.finding) == (Severity.UNKNOWN, Finding.UNREADABLE)
    assert not [each for each in report.health.checks if each.severity is Severity.FAILING]
    assert not report.healthy
    assert "unreadable" in printed(partial(output.result, report=report, every=True, local=False))


def test_nothing_that_can_be_read_is_an_error(world: World) -> None:
    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        del send
        raise AccessDeniedError(f"{call.service} {call.operation}: denied")

    world.aws.attempt = attempt
    with pytest.raises(AccessDeniedError):
        status(world.context())
