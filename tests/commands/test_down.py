"""`down` stops before it touches anything while there are orders that are not dealt with."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.client import Call
from pipectl.commands.down import down
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.errors import CancelledError, DataLossError
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import rfc3339
from tests.commands.audit_items import audit_item
from tests.commands.standing import put_audit_items, standing, store, write
from tests.resources.hands import Hands
from tests.support import FakeClock, World, yes

MAPPING = ResourceKey.STREAM_MAPPING


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    with standing(tmp_path, clock) as world:
        yield world


def _refusal(world: World) -> dict[str, str]:
    """What `down` says of each resource when it refuses, which touches nothing."""
    with pytest.raises(DataLossError) as refused:
        down(world.context(), yes)
    assert world.writes() == []
    return dict(line.split(": ", 1) for line in refused.value.message.splitlines()[1:])


def _put(world: World, *statuses: str, hours: float = 1) -> None:
    at = world.aws.clock.now() - timedelta(hours=hours)
    put_audit_items(world, *(audit_item(f"f{n}-{hours}", at, status=status) for n, status in enumerate(statuses)))


def _iterator_age(world: World, seconds: float) -> None:
    age: Any = {
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": world.context().pipeline.physical.processor}],
        "Timestamp": world.aws.clock.now() - timedelta(minutes=5),
        "Value": seconds * 1000,
    }
    world.aws.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[age])
    world.calls.clear()


def test_what_is_empty_and_keeps_up_is_removed(world: World) -> None:
    _iterator_age(world, 299)
    assert {change.action for change in down(world.context(), yes).changes} == {Action.DELETE}


def test_open_failures_are_counted(world: World) -> None:
    _put(world, "OPEN", "PARTIAL", "FAILED", "REPLAYED", "EXPIRED")
    _put(world, "OPEN", hours=49)
    assert _refusal(world) == {"audit-table": "6 items; 3 failures of the last 48 hours still to be replayed"}


def test_failures_that_are_done_are_items_and_no_more(world: World) -> None:
    _put(world, "REPLAYED")
    assert _refusal(world) == {"audit-table": "1 item"}


def test_messages_in_the_queue_are_counted(world: World) -> None:
    url = world.aws.sqs.get_queue_url(QueueName=world.context().pipeline.physical.queue)["QueueUrl"]
    for body in ("{}", "[]"):
        world.aws.sqs.send_message(QueueUrl=url, MessageBody=body)
    world.calls.clear()
    assert _refusal(world) == {"dead-letter-queue": "about 2 messages"}


def test_records_that_wait_for_the_processor_count(world: World) -> None:
    _iterator_age(world, 301)
    assert _refusal(world) == {"orders-table": "records wait up to 301 s for the processor"}


def test_a_pause_counts(world: World) -> None:
    pause(world.context(), "ada")
    world.calls.clear()
    refusal = _refusal(world)["orders-table"]
    assert "what was written since has not been processed: the mapping is paused since " in refusal
    assert "by ada; records expire in 24.0 h" in refusal


def test_a_mapping_that_somebody_disabled_counts(world: World) -> None:
    hands = Hands(world)
    hands.lambda_.update_event_source_mapping(UUID=hands.mapping(hands.resources[MAPPING])["UUID"], Enabled=False)
    assert "the mapping is Disabled" in _refusal(world)["orders-table"]


def test_what_cannot_be_read_counts(world: World) -> None:
    names = world.context().pipeline.physical
    world.aws.dynamodb.update_table(
        TableName=names.audit_table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "failure-type-index"}}]
    )
    world.calls.clear()
    assert "what waits to be processed cannot be read" in _refusal(world)["audit-table"]


def test_without_a_mapping_there_is_nothing_to_wait_for(world: World) -> None:
    """A `down` that was cut short has removed the mapping first; the next goes on."""
    hands = Hands(world)
    hands.lambda_.delete_event_source_mapping(UUID=hands.mapping(hands.resources[MAPPING])["UUID"])
    assert {change.action for change in down(world.context(), yes).changes} == {Action.DELETE}


def test_data_that_is_to_go_is_not_asked_about(world: World) -> None:
    _put(world, "OPEN")
    pause(world.context(), "ada")
    assert {change.action for change in down(world.context(), yes, delete_data=True).changes} == {Action.DELETE}


def test_data_that_is_kept_stays_with_what_waits_in_it(world: World) -> None:
    _put(world, "OPEN")
    pause(world.context(), "ada")
    changes = {change.resource: change.action for change in down(world.context(), yes, keep_data=True).changes}
    kept = {resource for resource, action in changes.items() if action is Action.KEEP}
    assert {"orders-table", "audit-table"} <= kept
    assert MAPPING not in kept


def _kept(world: World) -> tuple[str, str]:
    """Until when an `up` goes on without loss, and what is said of the orders table."""
    report = down(world.context(), yes, keep_data=True)
    (reason,) = [str(change.reason) for change in report.changes if change.resource == "orders-table"]
    assert report.resume is not None
    until = report.resume.until
    return rfc3339(until) if until else "None", reason


def test_kept_data_says_until_when_nothing_is_lost(world: World) -> None:
    """The stream keeps what it has for 24 hours; what lags counts from when it came."""
    _iterator_age(world, 3600)
    until, reason = _kept(world)
    latest = world.aws.clock.now() - timedelta(minutes=5) - timedelta(seconds=3600) + timedelta(hours=24)
    assert latest - timedelta(minutes=5) <= datetime.fromisoformat(until) <= latest
    assert f"an `up` until {until} loses no record" in reason


def test_a_function_that_was_not_invoked_promises_no_longer_than_when_it_was(world: World) -> None:
    """Paused by hand, throttled, or new: without invocations nobody knows what has come since the last one."""
    _iterator_age(world, 0)
    invoked = world.aws.clock.now()
    world.aws.clock.sleep(10 * 3600)
    until, _ = _kept(world)
    assert datetime.fromisoformat(until) <= invoked + timedelta(hours=24)


def test_what_was_never_invoked_promises_nothing(world: World) -> None:
    until, reason = _kept(world)
    assert until == "None"
    assert "not invoked in the last 24 hours" in reason


def test_kept_data_of_a_paused_pipeline_lasts_from_the_pause_on(world: World) -> None:
    pause(world.context(), "ada")
    paused = world.aws.clock.now()
    world.aws.clock.sleep(5 * 3600)
    until, reason = _kept(world)
    assert until == f"{paused + timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}"
    assert "by ada; records expire in 19.0 h" in reason


def test_where_nobody_knows_since_when_nothing_is_read_no_time_is_told(world: World) -> None:
    hands = Hands(world)
    hands.lambda_.update_event_source_mapping(UUID=hands.mapping(hands.resources[MAPPING])["UUID"], Enabled=False)
    until, reason = _kept(world)
    assert until == "None"
    assert "not known" in reason


def test_a_mapping_that_begins_at_the_end_loses_what_is_written_meanwhile(world: World) -> None:
    latest = {"stream-mapping": {"starting_position": "LATEST"}}
    report = down(world.context(**latest), yes, keep_data=True)
    assert "begins at LATEST" in str(report.resume)


def test_an_up_takes_kept_data_back(world: World) -> None:
    _put(world, "OPEN")
    store(world, *write(world, "order-1"))
    names, bucket = world.context().pipeline.physical, world.aws.s3
    down(world.context(), yes, keep_data=True)
    state = {change.resource: change.action for change in up(world.context(), yes).changes}
    assert {key for key, action in state.items() if action is Action.KEEP} >= {"orders-table", "audit-table"}
    assert world.aws.dynamodb.scan(TableName=names.audit_table)["Count"] == 1
    assert bucket.list_objects_v2(Bucket=names.bucket)["KeyCount"] == 1
    assert plan(world.context()).pending == []


def test_protection_against_deletion_is_honoured_and_lifted_when_data_is_to_go(world: World) -> None:
    table = world.context().pipeline.physical.orders_table
    world.aws.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
    world.calls.clear()
    assert _refusal(world) == {"orders-table": "0 items, protected against deletion"}
    down(world.context(), yes, keep_data=True)
    assert world.aws.dynamodb.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"]
    down(world.context(), yes, delete_data=True)
    assert world.aws.dynamodb.list_tables()["TableNames"] == []


@pytest.mark.parametrize("keep", [False, True], ids=["all", "keeping data"])
def test_ctrl_c_names_all_that_is_not_done_and_nothing_that_is_kept(world: World, keep: bool) -> None:
    """Log groups go last: they are not done either."""
    noticed = threading.Event()

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "DeleteEventSourceMapping" and not noticed.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert noticed.wait(20)
        return send()

    world.aws.attempt = attempt
    context = world.context()
    context.cancel = noticed.set
    with pytest.raises(CancelledError) as interrupted:
        down(context, yes, delete_data=not keep, keep_data=keep)
    match = re.fullmatch(r"interrupted: \d+ resources done, not done: (.+)", interrupted.value.message)
    assert match
    not_done = set(match[1].split(", "))
    assert {"processor", "processor-role"} <= not_done
    of_data = {"orders-table", "audit-table", "bucket", "processor-log-group", "auditor-log-group"}
    assert not_done & of_data == (set() if keep else of_data)
