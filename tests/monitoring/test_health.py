"""The checks of the pipeline's health."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.client import Call
from pipectl.errors import AccessDeniedError
from pipectl.monitoring.health import Check, Finding, Health, Severity, health
from pipectl.resource_keys import ResourceKey
from tests.commands.audit_items import audit_item
from tests.commands.existing_pipeline import existing, put_audit_items
from tests.support import FakeClock, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    with existing(tmp_path, clock) as world:
        yield world


def health_of(world: World) -> Health:
    context = world.context()
    return health(context, context.facts(context.require([*ResourceKey])))


def check(world: World, name: str) -> Check:
    (found,) = [each for each in health_of(world).checks if each.name == name]
    return found


def metric(world: World, namespace: str, name: str, value: float, dimension: tuple[str, str]) -> None:
    data: Any = {
        "MetricName": name,
        "Dimensions": [{"Name": dimension[0], "Value": dimension[1]}],
        "Timestamp": world.aws.clock.now() - timedelta(minutes=5),
        "Value": value,
    }
    world.aws.cloudwatch.put_metric_data(Namespace=namespace, MetricData=[data])


def test_a_check_that_cannot_be_made_is_never_healthy(world: World) -> None:
    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "GetMetricData":
            raise AccessDeniedError("cloudwatch GetMetricData: denied")
        return send()

    world.aws.attempt = attempt
    for name in ("iterator-age", "processor-errors", "auditor-errors"):
        found = check(world, name)
        assert (found.severity, found.finding) == (Severity.DEGRADED, Finding.UNREADABLE)


def test_errors_of_a_function_degrade(world: World) -> None:
    processor = world.context().pipeline.physical.processor
    metric(world, "AWS/Lambda", "Errors", 3, ("FunctionName", processor))
    found = check(world, "processor-errors")
    assert (found.severity, found.finding, found.value) == (Severity.DEGRADED, Finding.ERRORS, 3)
    assert check(world, "auditor-errors").ok


@pytest.mark.parametrize(
    ("seconds", "severity", "finding"),
    [(3600, Severity.HEALTHY, Finding.OK), (3601, Severity.FAILING, Finding.LAGGING)],
)
def test_a_stream_that_lags_by_more_than_an_hour_fails(
    world: World, seconds: int, severity: Severity, finding: Finding
) -> None:
    processor = world.context().pipeline.physical.processor
    metric(world, "AWS/Lambda", "IteratorAge", seconds * 1000, ("FunctionName", processor))
    found = check(world, "iterator-age")
    assert (found.severity, found.finding) == (severity, finding)


def test_messages_of_unknown_age_in_the_queue_degrade(world: World) -> None:
    names = world.context().pipeline.physical
    url = world.aws.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    found = check(world, "queue")
    assert (found.severity, found.finding, found.value) == (Severity.DEGRADED, Finding.WAITING, 1)
    metric(world, "AWS/SQS", "ApproximateAgeOfOldestMessage", 300, ("QueueName", names.queue))
    assert check(world, "queue").ok


def test_open_failures_degrade(world: World) -> None:
    put_audit_items(world, audit_item("f", world.aws.clock.now() - timedelta(hours=1), status="OPEN"))
    found = check(world, "open-failures")
    assert (found.severity, found.finding, found.value) == (Severity.DEGRADED, Finding.OPEN_FAILURES, 1)


@pytest.mark.parametrize(
    ("alarm", "severity"), [("errors_alarm", Severity.FAILING), ("failures_alarm", Severity.DEGRADED)]
)
def test_a_firing_alarm(world: World, alarm: str, severity: Severity) -> None:
    names = world.context().pipeline.physical
    name = names.errors_alarm if alarm == "errors_alarm" else names.extra_alarms[ResourceKey.FAILURES_ALARM]
    world.aws.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    found = check(world, "alarms")
    assert (found.severity, found.finding, found.value) == (severity, Finding.ALARM, [name])


def test_the_verdict_is_the_most_severe_check(world: World) -> None:
    assert health_of(world).verdict is Severity.HEALTHY
    put_audit_items(world, audit_item("f", world.aws.clock.now() - timedelta(hours=1), status="OPEN"))
    assert health_of(world).verdict is Severity.DEGRADED
