"""`down`: it never deletes data without a decision, and says what it did."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.commands.down import DownPreview, DownReport, down
from pipectl.commands.pause import pause
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.engine.model import Action, Contents
from pipectl.errors import (
    AccessDeniedError,
    CancelledError,
    DataLossError,
    DeclinedError,
    ForeignError,
    PipectlError,
)
from pipectl.facts import MappingFacts
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.pending_data import Loss, find_losses
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import rfc3339
from tests.commands.audit_items import audit_item
from tests.commands.existing_pipeline import put_audit_items, store, write
from tests.resources.direct_access import DirectAccess
from tests.support import PATIENCE, THOROUGH, World, yes

MAPPING = ResourceKey.STREAM_MAPPING
OPTIONS: list[dict[str, bool]] = [{}, {"keep_data": True}, *([{"delete_data": True}] if THOROUGH else [])]


def _refused(world: World) -> dict[str, Loss]:
    """Return the losses, by resource, for which `down` refuses without changing anything."""
    context = world.context()
    metrics = Metrics.of(context, world.aws.clock.now())
    losses = {loss.resource: loss for loss in find_losses(context, context.managed(context.observe()), metrics)}
    world.calls.clear()
    with pytest.raises(DataLossError) as refused:
        down(world.context(), yes)
    assert world.writes() == []
    assert refused.value.resources == tuple(losses)
    return losses


def _queue_url(world: World) -> str:
    return world.aws.sqs.get_queue_url(QueueName=world.context().pipeline.physical.queue)["QueueUrl"]


def _state(world: World) -> str:
    """Return the state of the stream mapping."""
    return world.context().require([MAPPING])[MAPPING].facts_as(MappingFacts).state


def _disable(world: World) -> None:
    direct = DirectAccess(world)
    uuid = direct.mapping(direct.resources[MAPPING])["UUID"]
    direct.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)


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


def _written(world: World, minutes: float) -> None:
    """Report a write to the orders table that many minutes ago."""
    table = world.context().pipeline.physical.orders_table
    latency: Any = {
        "MetricName": "SuccessfulRequestLatency",
        "Dimensions": [{"Name": "TableName", "Value": table}, {"Name": "Operation", "Value": "PutItem"}],
        "Timestamp": world.aws.clock.now() - timedelta(minutes=minutes),
        "Value": 1,
    }
    world.aws.cloudwatch.put_metric_data(Namespace="AWS/DynamoDB", MetricData=[latency])
    world.calls.clear()


def test_an_empty_pipeline_that_keeps_up_is_deleted(world: World) -> None:
    _iterator_age(world, 299)
    assert {change.action for change in down(world.context(), yes).changes} == {Action.DELETE}


def test_failures_are_counted_whatever_their_age(world: World) -> None:
    _put(world, "OPEN", "PARTIAL", "FAILED", "REPLAYED", "EXPIRED")
    _put(world, "OPEN", hours=500)
    assert _refused(world) == {"audit-table": Loss("audit-table", Contents(6), not_replayed=4)}


def test_resolved_failures_are_data_too(world: World) -> None:
    _put(world, "REPLAYED")
    assert _refused(world) == {"audit-table": Loss("audit-table", Contents(1))}


def test_orders_and_object_versions_are_counted(world: World) -> None:
    store(world, *write(world, "order-1", "order-2"))
    assert _refused(world) == {
        "orders-table": Loss("orders-table", Contents(2)),
        "bucket": Loss("bucket", Contents(2)),
    }


def test_messages_in_the_queue_are_counted(world: World) -> None:
    url = _queue_url(world)
    for body in ("{}", "[]"):
        world.aws.sqs.send_message(QueueUrl=url, MessageBody=body)
    assert _refused(world) == {"dead-letter-queue": Loss("dead-letter-queue", Contents(2))}


def test_records_that_wait_for_the_processor_are_data(world: World) -> None:
    _iterator_age(world, 301)
    assert _refused(world)["orders-table"].unread


def test_orders_that_were_written_while_nothing_was_processed_may_be_unread(world: World) -> None:
    _written(world, minutes=20)
    assert _refused(world)["orders-table"].unread


def test_while_processing_is_paused_there_may_be_unread_records(world: World) -> None:
    pause(world.context(), "ada")
    assert _refused(world)["orders-table"].unread


def test_while_the_mapping_is_disabled_by_hand_there_may_be_unread_records(world: World) -> None:
    _disable(world)
    assert _refused(world)["orders-table"].unread


def test_data_that_cannot_be_counted_are_data(world: World) -> None:
    names = world.context().pipeline.physical
    _put(world, "OPEN")
    world.aws.dynamodb.update_table(
        TableName=names.audit_table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "failure-type-index"}}]
    )
    assert _refused(world)["audit-table"].unreadable


def test_without_a_mapping_no_record_waits_for_it(world: World) -> None:
    """A `down` that was killed has deleted the mapping first; the next one continues."""
    direct = DirectAccess(world)
    direct.lambda_.delete_event_source_mapping(UUID=direct.mapping(direct.resources[MAPPING])["UUID"])
    assert {change.action for change in down(world.context(), yes).changes} == {Action.DELETE}


def test_with_delete_data_everything_is_deleted(world: World) -> None:
    _put(world, "OPEN")
    pause(world.context(), "ada")
    assert {change.action for change in down(world.context(), yes, delete_data=True).changes} == {Action.DELETE}


def test_with_keep_data_resources_that_hold_data_stay(world: World) -> None:
    _put(world, "OPEN")
    pause(world.context(), "ada")
    changes = {change.resource: change.action for change in down(world.context(), yes, keep_data=True).changes}
    kept = {resource for resource, action in changes.items() if action is Action.KEEP}
    assert {"orders-table", "audit-table"} <= kept
    assert MAPPING not in kept


def _kept(world: World) -> tuple[str, str]:
    """Return the time before which `pipectl up` loses no record, and the reason that is given for the orders table."""
    report = down(world.context(), yes, keep_data=True)
    (reason,) = [str(change.reason) for change in report.changes if change.resource == "orders-table"]
    assert report.resume is not None
    until = report.resume.until
    return rfc3339(until) if until else "None", reason


def test_kept_data_has_a_time_until_which_nothing_is_lost(world: World) -> None:
    """Records expire after 24 hours; records that wait count from when they were written."""
    _iterator_age(world, 3600)
    until, reason = _kept(world)
    latest = world.aws.clock.now() - timedelta(minutes=5) - timedelta(seconds=3600) + timedelta(hours=24)
    assert latest - timedelta(minutes=5) <= datetime.fromisoformat(until) <= latest
    assert f"`pipectl up` before {until} loses no record" in reason


def test_a_quiet_pipeline_that_processed_everything_has_the_whole_time(world: World) -> None:
    """No write since the last invocation: no record waits."""
    _iterator_age(world, 0)
    world.aws.clock.sleep(10 * 3600)
    until, _ = _kept(world)
    left = datetime.fromisoformat(until) - world.aws.clock.now()
    assert timedelta(hours=23.9) < left < timedelta(hours=24)


def test_writes_that_were_not_processed_leave_that_time_unknown(world: World) -> None:
    _iterator_age(world, 0)
    world.aws.clock.sleep(10 * 3600)
    _written(world, minutes=20)
    until, reason = _kept(world)
    assert until == "None"
    assert reason


def test_for_a_paused_pipeline_that_time_counts_from_the_pause(world: World) -> None:
    pause(world.context(), "ada")
    paused = world.aws.clock.now()
    world.aws.clock.sleep(5 * 3600)
    until, reason = _kept(world)
    assert until == f"{paused + timedelta(hours=24):%Y-%m-%dT%H:%M:%SZ}"
    assert "by ada" in reason


def test_for_a_mapping_disabled_by_hand_that_time_is_unknown(world: World) -> None:
    _disable(world)
    until, _ = _kept(world)
    assert until == "None"


def test_a_mapping_that_starts_at_latest_loses_records(world: World) -> None:
    latest = {"stream-mapping": {"starting_position": "LATEST"}}
    report = down(world.context(**latest), yes, keep_data=True)
    assert report.resume
    assert report.resume.until is None


def test_up_continues_with_kept_data(world: World) -> None:
    _put(world, "OPEN")
    store(world, *write(world, "order-1"))
    names, bucket = world.context().pipeline.physical, world.aws.s3
    down(world.context(), yes, keep_data=True)
    state = {change.resource: change.action for change in up(world.context(), yes).changes}
    assert {key for key, action in state.items() if action is Action.KEEP} >= {"orders-table", "audit-table"}
    assert world.aws.dynamodb.scan(TableName=names.audit_table)["Count"] == 1
    assert bucket.list_objects_v2(Bucket=names.bucket)["KeyCount"] == 1
    assert plan(world.context()).pending == []


def _protected(world: World) -> bool:
    table = world.context().pipeline.physical.orders_table
    found = world.aws.dynamodb.describe_table(TableName=table)["Table"]
    world.calls.clear()
    return bool(found.get("DeletionProtectionEnabled"))


def _protect(world: World) -> None:
    table = world.context().pipeline.physical.orders_table
    world.aws.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
    world.calls.clear()


def test_deletion_protection_is_respected_and_lifted_only_with_delete_data(world: World) -> None:
    _protect(world)
    assert _refused(world) == {"orders-table": Loss("orders-table", Contents(0, protected=True))}
    down(world.context(), yes, keep_data=True)
    assert _protected(world)
    down(world.context(), yes, delete_data=True)
    assert world.aws.dynamodb.list_tables()["TableNames"] == []


def _fail(world: World, *operations: str) -> None:
    """Let these operations fail as if permission were denied."""

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation in operations:
            raise AccessDeniedError(f"{call.service} {call.operation}: denied")
        return send()

    world.aws.attempt = attempt


def test_deletion_protection_is_restored_when_the_deletion_fails(world: World) -> None:
    _protect(world)
    _fail(world, "DeleteTable")
    with pytest.raises(PipectlError):
        down(world.context(), yes, delete_data=True)
    assert _protected(world)


def test_an_error_reports_that_deletion_protection_was_not_restored(world: World) -> None:
    _protect(world)
    lifted = threading.Event()

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "DeleteTable" or (call.operation == "UpdateTable" and lifted.is_set()):
            raise AccessDeniedError(f"{call.service} {call.operation}: denied")
        if call.operation == "UpdateTable":
            lifted.set()
        return send()

    world.aws.attempt = attempt
    with pytest.raises(PipectlError) as failed:
        down(world.context(), yes, delete_data=True)
    assert "no longer protected" in failed.value.message
    assert "`pipectl up` restores the protection" in str(failed.value.hint)


# data that arrive during the question


def test_data_that_arrive_during_the_question_are_not_deleted(world: World) -> None:
    names = world.context().pipeline.physical

    def confirm(_: DownPreview) -> None:
        store(world, *write(world, *(f"order-{n}" for n in range(5))))

    with pytest.raises(DataLossError) as refused:
        down(world.context(), confirm)
    assert set(refused.value.resources) == {"orders-table", "bucket"}
    assert _state(world) == "Enabled"
    assert world.aws.dynamodb.scan(TableName=names.orders_table)["Count"] == 5
    assert world.aws.s3.list_objects_v2(Bucket=names.bucket)["KeyCount"] == 5


def test_failures_that_arrive_during_the_question_are_kept_with_keep_data(world: World) -> None:
    url = _queue_url(world)

    def confirm(_: DownPreview) -> None:
        world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")

    changes = {change.resource: change.action for change in down(world.context(), confirm, keep_data=True).changes}
    assert changes["dead-letter-queue"] is Action.KEEP


def test_data_that_arrive_after_the_second_count_stop_the_deletion_of_their_resource(world: World) -> None:
    """The table is looked into once more just before it would be deleted."""
    names = world.context().pipeline.physical

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "DeleteEventSourceMapping":
            world.aws.attempt = plain
            store(world, *write(world, "late"))
        return send()

    plain = world.aws.attempt
    world.aws.attempt = attempt
    with pytest.raises(PipectlError) as failed:
        down(world.context(), yes)
    assert isinstance(failed.value.report, DownReport)
    assert {"orders-table", "bucket"}.isdisjoint(change.resource for change in failed.value.report.changes)
    assert world.aws.dynamodb.scan(TableName=names.orders_table)["Count"] == 1
    assert world.aws.s3.list_objects_v2(Bucket=names.bucket)["KeyCount"] == 1


def test_the_mapping_is_stopped_after_the_confirmation_and_before_the_second_count(world: World) -> None:
    def confirm(_: DownPreview) -> None:
        world.calls.clear()

    down(world.context(), confirm)
    made = [call.operation for call in world.calls]
    assert made.index("UpdateEventSourceMapping") < made.index("Scan") < made.index("DeleteEventSourceMapping")


def _seconds(world: World, **options: bool) -> float:
    """Run `down`. Return how long it took on the clock of the world."""
    before = world.aws.clock.monotonic()
    down(world.context(), yes, **options)
    return world.aws.clock.monotonic() - before


def test_only_a_busy_pipeline_without_a_decision_waits_for_its_batches(world: World) -> None:
    _iterator_age(world, 0)
    assert 120 <= _seconds(world) < 130


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_quiet_pipeline_is_not_waited_for(world: World, options: dict[str, bool]) -> None:
    assert _seconds(world, **options) < 10


def test_with_keep_data_the_queue_of_a_busy_pipeline_stays(world: World) -> None:
    _iterator_age(world, 0)
    changes = {change.resource: change for change in down(world.context(), yes, keep_data=True).changes}
    assert changes["dead-letter-queue"].action is Action.KEEP
    assert "can still arrive" in (changes["dead-letter-queue"].reason or "")


def test_a_failure_of_a_batch_that_was_being_processed_stops_the_deletion(world: World) -> None:
    _iterator_age(world, 0)
    url, stopped = _queue_url(world), threading.Event()

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if call.operation == "UpdateEventSourceMapping" and not stopped.is_set():
            stopped.set()
            world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
        return send()

    world.aws.attempt = attempt
    with pytest.raises(DataLossError) as refused:
        down(world.context(), yes)
    assert refused.value.resources == ("dead-letter-queue",)
    assert _state(world) == "Enabled"


def test_nothing_is_changed_when_the_user_declines(world: World) -> None:
    def refuse(_: DownPreview) -> None:
        raise DeclinedError("no")

    with pytest.raises(DeclinedError):
        down(world.context(), refuse)
    assert world.writes() == []


def _interrupt(world: World, *operations: str, **options: bool) -> CancelledError:
    """Run `down`, and press Ctrl-C in the last of these operations, which are called in this order."""
    noticed, left = threading.Event(), list(operations)

    def attempt(call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        if left and call.operation == left[0]:
            left.pop(0)
            if not left:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                assert noticed.wait(PATIENCE)
        return send()

    world.aws.attempt = attempt
    context = world.context()
    context.cancel = noticed.set
    with pytest.raises(CancelledError) as interrupted:
        down(context, yes, **options)
    return interrupted.value


def test_ctrl_c_before_the_first_deletion_starts_the_mapping_again(world: World) -> None:
    error = _interrupt(world, "UpdateEventSourceMapping", "GetQueueAttributes")
    assert error.message == "Interrupted. Nothing was deleted."
    assert _state(world) == "Enabled"


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_ctrl_c_during_the_last_check_names_the_command_that_checks_again(
    world: World, options: dict[str, bool]
) -> None:
    last = "DeleteRole" if "keep_data" in options else "DeleteLogGroup"
    error = _interrupt(world, last, last, "GetRole", **options)
    assert error.message == "Interrupted after the deletion."
    flags = "".join(f" --{name.replace('_', '-')}" for name in options)
    assert f"`pipectl down{flags}` again" in str(error.hint)
    assert isinstance(error.report, DownReport)
    assert len(error.report.changes) >= 10


def test_a_mapping_that_cannot_be_deleted_is_started_again(world: World) -> None:
    _fail(world, "DeleteEventSourceMapping")
    with pytest.raises(PipectlError):
        down(world.context(), yes)
    assert _state(world) == "Enabled"


def test_a_paused_mapping_stays_paused_when_down_refuses(world: World) -> None:
    pause(world.context(), "ada")
    _refused(world)
    assert _state(world) == "Disabled"


# the preview and the report


def test_the_preview_counts_what_would_be_deleted(world: World) -> None:
    store(world, *write(world, "order-1", "order-2"))
    _put(world, "OPEN", "REPLAYED")
    seen: list[DownPreview] = []
    report = down(world.context(), seen.append, delete_data=True)
    assert seen[0].environment == "dev"
    assert not seen[0].protected
    assert {loss.resource: (loss.contents, loss.not_replayed) for loss in seen[0].losses} == {
        "orders-table": (Contents(2), 0),
        "audit-table": (Contents(2), 1),
        "bucket": (Contents(2), 0),
    }
    assert report.losses == seen[0].losses


def test_the_preview_reports_a_protected_environment(world: World) -> None:
    seen: list[DownPreview] = []
    down(world.context(protect=True), seen.append)
    assert seen[0].protected


def test_a_config_of_another_project_is_an_error(world: World) -> None:
    with pytest.raises(ForeignError) as refused:
        down(world.context(project="other"), yes, delete_data=True)
    assert set(refused.value.resources) == world.context().resources.keys()
    assert world.writes() == []


def test_nothing_to_delete_is_not_an_error(world: World) -> None:
    down(world.context(), yes)
    assert down(world.context(), yes).changes == ()


def test_a_failure_reports_what_was_deleted(world: World) -> None:
    _fail(world, "DeleteRole")
    with pytest.raises(PipectlError) as failed:
        down(world.context(), yes)
    assert isinstance(failed.value.report, DownReport)
    deleted = {change.resource for change in failed.value.report.changes}
    assert deleted == world.context().resources.keys() - {
        *("processor-role", "auditor-role", "processor-log-group", "auditor-log-group")
    }


@pytest.mark.parametrize("keep", [False, True], ids=["all", "keeping data"])
def test_ctrl_c_names_all_deletions_that_are_not_done(world: World, keep: bool) -> None:
    """Log groups are deleted last: they are not done either."""
    error = _interrupt(world, "DeleteEventSourceMapping", delete_data=not keep, keep_data=keep)
    match = re.fullmatch(r"interrupted: \d+ resources? done, not done: (.+)", error.message)
    assert match
    assert f"`pipectl down --{'keep' if keep else 'delete'}-data` continues" in str(error.hint)
    not_done = set(match[1].split(", "))
    assert {"processor", "processor-role"} <= not_done
    of_data = {"orders-table", "audit-table", "bucket", "processor-log-group", "auditor-log-group"}
    assert not_done & of_data == (set() if keep else of_data)
