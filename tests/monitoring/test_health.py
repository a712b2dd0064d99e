"""The checks of the pipeline's health."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.engine.model import Facts, facts_of
from pipectl.errors import AccessDeniedError
from pipectl.facts import MappingFacts
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.health import Health, health
from pipectl.monitoring.metrics import WRITES, Metrics
from pipectl.pause_tags import CatchingUp
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


CHANGING = {key for key in ResourceKey if key.endswith("-alarm")} | {ResourceKey.DEAD_LETTER_QUEUE}
"""Resources that a test changes. All others are as `up` left them, in each copy of the pipeline."""
_unchanged: dict[str, Facts] = {}


def facts(world: World) -> dict[str, Facts]:
    context = world.context()
    if not _unchanged:
        _unchanged.update(context.facts(context.observe([key for key in ResourceKey if key not in CHANGING])))
    return _unchanged | context.facts(context.observe(CHANGING))


def health_of(world: World) -> Health:
    return health(world.context(), facts(world))


def check(world: World, name: str) -> Check:
    (found,) = [each for each in health_of(world).checks if each.name == name]
    return found


def metric(
    world: World, namespace: str, name: str, value: float, dimensions: Mapping[str, str], minutes: float = 5
) -> None:
    """Report a metric as of that many minutes ago."""
    data: Any = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Timestamp": world.aws.clock.now() - timedelta(minutes=minutes),
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
    world.aws.clock.sleep(3600)
    _processor(world, "Errors", 3, minutes=2)
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
    _processor(world, "IteratorAge", seconds * 1000)
    found = check(world, "iterator-age")
    assert (found.severity, found.finding) == (severity, finding)


def _message(world: World, age: float | None = None, minutes: int = 0, hidden: int = 0) -> Check:
    """Put a message into the queue. Return the check, with these metrics of the last minutes."""
    names = world.context().pipeline.physical
    url = world.aws.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    if age is not None:
        metric(world, "AWS/SQS", "ApproximateAgeOfOldestMessage", age, {"QueueName": names.queue})
    for ago in range(1, minutes):
        is_hidden = ago <= hidden
        for name, value in (("Visible", not is_hidden), ("NotVisible", is_hidden)):
            series = f"ApproximateNumberOfMessages{name}"
            metric(world, "AWS/SQS", series, int(value), {"QueueName": names.queue}, minutes=ago)
    return check(world, "queue")


def test_messages_that_wait_for_an_unknown_time_are_unknown(world: World) -> None:
    found = _message(world)
    assert (found.severity, found.finding, found.value) == (Severity.UNKNOWN, Finding.UNKNOWN, 1)


@pytest.mark.parametrize(("seconds", "severity"), [(300, Severity.HEALTHY), (301, Severity.DEGRADED)])
def test_an_old_message_in_the_queue_degrades(world: World, seconds: int, severity: Severity) -> None:
    assert _message(world, seconds).severity is severity


@pytest.mark.parametrize(("minutes", "severity"), [(14, Severity.HEALTHY), (18, Severity.DEGRADED)])
def test_a_queue_that_is_not_empty_for_15_minutes_degrades_whatever_the_age(
    world: World, minutes: int, severity: Severity
) -> None:
    """A message that was received three times does not count for the age, and is hidden most of the time."""
    assert _message(world, 1, minutes, hidden=10).severity is severity


def _processor(world: World, name: str, value: float, minutes: float = 5) -> None:
    processor = world.context().pipeline.physical.processor
    metric(world, "AWS/Lambda", name, value, {"FunctionName": processor}, minutes)


def _written(world: World, minutes: float, operation: str = "PutItem") -> None:
    """Report a write to the orders table that many minutes ago."""
    dimensions = {"TableName": world.context().pipeline.physical.orders_table, "Operation": operation}
    metric(world, "AWS/DynamoDB", "SuccessfulRequestLatency", 4.2, dimensions, minutes)


def test_a_table_without_writes_is_healthy_without_metrics_of_the_processor(world: World) -> None:
    found = check(world, "iterator-age")
    assert (found.severity, found.value) == (Severity.HEALTHY, None)


@pytest.mark.parametrize(
    ("minutes", "severity", "finding"),
    [
        (8, Severity.UNKNOWN, Finding.UNKNOWN),
        (17, Severity.DEGRADED, Finding.STANDSTILL),
        (170, Severity.DEGRADED, Finding.STANDSTILL),
    ],
)
def test_a_silent_standstill(world: World, minutes: int, severity: Severity, finding: Finding) -> None:
    """Orders may have been written, the mapping is enabled, and nothing is processed. Silence alone proves nothing."""
    world.aws.clock.sleep(3 * 3600)
    _processor(world, "IteratorAge", 0, minutes=175)
    _written(world, minutes)
    found = check(world, "iterator-age")
    assert (found.severity, found.finding) == (severity, finding)


def test_deletions_and_refused_writes_leave_a_quiet_table_healthy(world: World) -> None:
    world.aws.clock.sleep(3 * 3600)
    _processor(world, "IteratorAge", 0, minutes=120)
    _written(world, 70, "DeleteItem")
    _written(world, 70, "Query")
    table = {"TableName": world.context().pipeline.physical.orders_table}
    metric(world, "AWS/DynamoDB", "ConsumedWriteCapacityUnits", 1, table, minutes=70)
    assert check(world, "iterator-age").severity is Severity.HEALTHY


def test_requests_that_can_write_orders_are_counted_together_in_one_call(world: World) -> None:
    for operation in (*WRITES, "PutItem", "DeleteItem"):
        _written(world, 20, operation)
    world.calls.clear()
    metrics = Metrics.of(world.context(), world.aws.clock.now())
    assert [point.value for point in metrics.points("writes")] == [len(WRITES) + 1]
    assert [call.operation for call in world.calls if call.service == "cloudwatch"] == ["GetMetricData"]


def test_the_newest_points_come_first_whatever_the_order_of_the_answer(world: World) -> None:
    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        answer = send()
        if call.operation == "GetMetricData":
            for result in answer["MetricDataResults"]:
                ordered = sorted(zip(result["Timestamps"], result["Values"], strict=True))
                result["Timestamps"], result["Values"] = ([each[n] for each in ordered] for n in (0, 1))
        return answer

    for minutes in (20, 40, 30):
        _written(world, minutes)
        _processor(world, "IteratorAge", 0, minutes)
    world.aws.attempt = attempt
    starts = [point.start for point in Metrics.of(world.context(), world.aws.clock.now()).points("iterator_age")]
    assert starts == sorted(starts, reverse=True)
    assert check(world, "iterator-age").ok


def test_a_throttled_processor_stands_still(world: World) -> None:
    _processor(world, "IteratorAge", 0, minutes=30)
    _processor(world, "Throttles", 7)
    found = check(world, "processor-throttles")
    assert (found.severity, found.finding, found.value) == (Severity.FAILING, Finding.THROTTLED, 7)
    assert check(world, "iterator-age").severity is Severity.UNKNOWN


def test_a_processor_that_is_throttled_at_times_degrades(world: World) -> None:
    _processor(world, "Throttles", 1, minutes=10)
    _processor(world, "IteratorAge", 0)
    assert check(world, "processor-throttles").severity is Severity.DEGRADED
    assert check(world, "auditor-throttles").ok


def _mapping(world: World, **changes: Any) -> Check:
    """Return the check of the stream mapping, with these facts."""
    known = facts(world)
    key = ResourceKey.STREAM_MAPPING
    known[key] = replace(facts_of(known, key, MappingFacts) or MappingFacts("", "", ""), **changes)
    (found,) = [each for each in health(world.context(), known).checks if each.name == key]
    return found


def test_a_failed_call_counts_only_while_the_processor_has_errors(world: World) -> None:
    """On a quiet table the last result stays, whatever happened to the record."""
    world.aws.clock.sleep(3600)  # after the deployment
    last_result = "PROBLEM: Function call failed"
    assert _mapping(world, last_result=last_result).ok
    _processor(world, "Errors", 1, minutes=20)
    assert _mapping(world, last_result=last_result).ok
    _processor(world, "Errors", 1, minutes=3)
    assert _mapping(world, last_result=last_result).severity is Severity.DEGRADED


def test_a_mapping_without_access_fails(world: World) -> None:
    found = _mapping(world, last_result="PROBLEM: Cannot access stream. Please ensure the role can perform GetRecords.")
    assert (found.severity, found.finding) == (Severity.FAILING, Finding.PROBLEM)


def test_a_disabled_mapping_fails(world: World) -> None:
    found = _mapping(world, state="Disabled")
    assert (found.severity, found.finding) == (Severity.FAILING, Finding.STOPPED)


def test_a_mapping_that_catches_up_is_not_healthy(world: World) -> None:
    found = _mapping(world, catching_up=CatchingUp(world.aws.clock.now()))
    assert (found.severity, found.finding) == (Severity.UNKNOWN, Finding.CATCHING_UP)


def test_open_failures_degrade(world: World) -> None:
    put_audit_items(world, audit_item("f", world.aws.clock.now() - timedelta(hours=1), status="OPEN"))
    found = check(world, "open-failures")
    assert (found.severity, found.finding, found.value) == (Severity.DEGRADED, Finding.OPEN_FAILURES, 1)


def _fire(world: World, key: str) -> str:
    """Let an alarm fire. Return its name."""
    name = world.context().resources[key].name
    world.aws.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    return name


@pytest.mark.parametrize(
    ("alarm", "severity"),
    [
        (ResourceKey.ERRORS_ALARM, Severity.FAILING),
        (ResourceKey.LOST_FAILURES_ALARM, Severity.FAILING),
        (ResourceKey.ITERATOR_AGE_ALARM, Severity.DEGRADED),
        (ResourceKey.AUDITOR_ERRORS_ALARM, Severity.DEGRADED),
        (ResourceKey.THROTTLES_ALARM, Severity.DEGRADED),
    ],
)
def test_an_alarm_whose_cause_no_metric_shows_yet_counts(world: World, alarm: str, severity: Severity) -> None:
    name = _fire(world, alarm)
    found = check(world, "alarms")
    assert (found.severity, found.finding, found.value) == (severity, Finding.ALARM, [name])


def test_the_failures_alarm_counts_while_a_failure_is_unresolved_or_waits_in_the_queue(world: World) -> None:
    _fire(world, ResourceKey.FAILURES_ALARM)
    assert check(world, "alarms").finding is Finding.ALARM_ENDING
    put_audit_items(world, audit_item("f", world.aws.clock.now() - timedelta(hours=1), status="OPEN"))
    assert check(world, "alarms").severity is Severity.DEGRADED
    item = audit_item("f", world.aws.clock.now() - timedelta(hours=1), status="REPLAYED")
    put_audit_items(world, item)
    assert check(world, "alarms").ok
    url = world.aws.sqs.get_queue_url(QueueName=world.context().pipeline.physical.queue)["QueueUrl"]
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert check(world, "alarms").severity is Severity.DEGRADED


def test_an_alarm_whose_cause_is_over_is_a_note_that_says_when_it_resets(world: World) -> None:
    world.aws.clock.sleep(3600)
    _processor(world, "Errors", 9, minutes=12)
    _processor(world, "Invocations", 9, minutes=12)
    _fire(world, ResourceKey.ERRORS_ALARM)
    assert health_of(world).verdict is Severity.UNKNOWN
    _processor(world, "Invocations", 3, minutes=6)
    found = health_of(world)
    (alarm,) = found.alarms
    assert found.verdict is Severity.HEALTHY
    assert alarm.over
    assert alarm.resets_by is not None
    assert timedelta(minutes=2) <= alarm.resets_by - world.aws.clock.now() <= timedelta(minutes=3)


def test_the_verdict_is_the_most_severe_check(world: World) -> None:
    assert health_of(world).verdict is Severity.HEALTHY
    put_audit_items(world, audit_item("f", world.aws.clock.now() - timedelta(hours=1), status="OPEN"))
    assert health_of(world).verdict is Severity.DEGRADED
