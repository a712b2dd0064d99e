"""`down --orphans`: it finds what remains after a rename, deletes that alone, and loses no data unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3 import s3_backends

from pipectl.aws.calls import Call
from pipectl.aws.waits import Portion
from pipectl.commands.down import DownPreview, DownReport, down
from pipectl.commands.down_orphans import POLICY_HINT, down_orphans
from pipectl.commands.plan import PlanReport, plan
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.engine.model import Action, Contents
from pipectl.errors import AccessDeniedError, DataLossError, DeclinedError, IncompleteError, RefusedError
from pipectl.facts import TableFacts
from pipectl.monitoring.checks import Severity
from pipectl.monitoring.pending_data import Loss
from pipectl.orphans import Orphan, OrphanSearch, Search, find_orphans, tagged_orphans
from tests.commands.audit_items import audit_item
from tests.commands.existing_pipeline import existing, put_audit_items, write
from tests.faults.test_crash import EVERY
from tests.moto_snapshot import State, restore, saved
from tests.support import ACCOUNT, FakeClock, World, make_world, reads, write_config, yes

RENAMED = {"team": "platform"}
WRITES = 1 if EVERY else 3
"""Writes of a process before it is killed."""


def _rename(world: World, changes: dict[str, Any] = RENAMED) -> None:
    """Change names in the config, and create the resources of the new names."""
    write_config(world.file.parent, changes)
    up(world.context(), yes)
    world.calls.clear()


@pytest.fixture
def renamed(tmp_path: Path) -> Iterator[World]:
    """A pipeline whose team was changed, with the orphans of the earlier names. It is created once for all tests."""
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    if not _renamed:
        with existing(tmp_path, clock) as world:
            _rename(world)
            _renamed.append(saved())
    with mock_aws():
        world = make_world(tmp_path, RENAMED, clock=clock)
        restore(_renamed[0])
        yield world


_renamed: list[State] = []


def _orphans(world: World) -> tuple[Orphan, ...]:
    context = world.context()
    return find_orphans(context, tagged_orphans(context))


def _names(world: World) -> set[str]:
    """Return the kinds and names of everything that exists and that this config names."""
    context = world.context()
    return {
        f"{context.resources[key].kind} {context.resources[key].name}"
        for key, found in context.observe().items()
        if found
    }


def test_without_a_rename_there_are_no_orphans(world: World) -> None:
    assert _orphans(world) == ()


def test_looking_for_orphans_takes_one_call_where_there_are_none(world: World) -> None:
    context = world.context()
    assert OrphanSearch(context).find().orphans == ()
    assert [call.operation for call in world.calls] == ["GetResources"]


def test_after_a_change_of_the_team_every_earlier_resource_is_an_orphan(world: World) -> None:
    before = _names(world)
    _rename(world)
    assert {f"{each.kind} {each.name}".replace(":live", "") for each in _orphans(world)} == before
    assert {each.team for each in _orphans(world) if each.kind != "log-group"} == {"backend"}


def test_only_the_renamed_resource_is_an_orphan(world: World) -> None:
    _rename(world, {"dead-letter-queue": {"resource": "failures"}})
    assert ("queue", "dev-order-processor-dlq-backend") in {(each.kind, each.name) for each in _orphans(world)}
    assert {each.kind for each in _orphans(world)} == {"queue", "mapping"}


def test_a_resource_that_the_index_still_lists_after_its_deletion_is_no_orphan(world: World) -> None:
    earlier = world.context()
    _rename(world)
    tagged = tagged_orphans(world.context())
    world.aws.sqs.delete_queue(
        QueueUrl=world.aws.sqs.get_queue_url(QueueName=earlier.pipeline.physical.queue)["QueueUrl"]
    )
    assert "queue" not in {each.kind for each in find_orphans(world.context(), tagged)}


def test_the_pipeline_of_the_config_stays_and_the_orphans_go(renamed: World) -> None:
    kept = _names(renamed)
    report = down_orphans(renamed.context(), yes, delete_data=True)
    assert {change.action for change in report.changes} == {Action.DELETE}
    assert {change.kind for change in report.changes} >= {"table", "bucket", "queue", "function", "role", "mapping"}
    assert _orphans(renamed) == ()
    assert _names(renamed) == kept
    renamed.calls.clear()
    assert up(renamed.context(), yes).orphans == ()
    assert renamed.writes() == []


def test_the_bucket_of_orphans_is_emptied_with_its_progress(renamed: World) -> None:
    (bucket,) = (each.name for each in _orphans(renamed) if each.kind == "bucket")
    stored = s3_backends[ACCOUNT]["aws"]  # without a request for each
    for number in range(2100):
        stored.put_object(bucket, f"processed-data/{number}", b"")
    context = renamed.context()
    shown: list[str | Portion | None] = []
    context.aws.awaits = shown.append
    down_orphans(context, yes, delete_data=True)
    done = [each.done for each in shown if isinstance(each, Portion)]
    assert (done, done[-1]) == (sorted(done), 2100)
    assert len(done) >= 3
    assert "bucket" not in {each.kind for each in _orphans(renamed)}


def test_mappings_go_first_and_log_groups_last(renamed: World) -> None:
    down_orphans(renamed.context(), yes, delete_data=True)
    deleted = [call.operation for call in renamed.calls if call.operation.startswith("Delete")]
    assert deleted.index("DeleteFunction") > max(
        n for n, each in enumerate(deleted) if each == "DeleteEventSourceMapping"
    )
    assert deleted[-2:] == ["DeleteLogGroup", "DeleteLogGroup"]


@pytest.mark.parametrize("tag", ["Project", "Environment", "ManagedBy"])
def test_a_resource_of_another_pipeline_is_never_touched(renamed: World, tag: str) -> None:
    tags = {
        "ManagedBy": "pipectl",
        "Project": renamed.config.project,
        "Environment": "dev",
        "Team": "backend",
        tag: "x",
    }
    url = renamed.aws.sqs.create_queue(QueueName="dev-other-backend", tags=tags)["QueueUrl"]
    renamed.aws.logs.create_log_group(logGroupName="/aws/lambda/dev-other-backend", tags=tags)
    down_orphans(renamed.context(), yes, delete_data=True)
    assert renamed.aws.sqs.list_queue_tags(QueueUrl=url)["Tags"] == tags
    assert renamed.aws.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/dev-other")["logGroups"]


def test_an_orphan_that_was_given_to_another_pipeline_stays_although_the_index_lags(world: World) -> None:
    queue = world.context().pipeline.physical.queue
    _rename(world)
    tagged = tagged_orphans(world.context())
    url = world.aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    world.aws.sqs.tag_queue(QueueUrl=url, Tags={"Project": "other"})
    assert queue not in {each.name for each in find_orphans(world.context(), tagged)}


@pytest.mark.parametrize("name", ["someones-queue", "dev-someones-queue", "test-queue-backend"])
def test_a_name_that_no_config_of_the_pipeline_gives_is_no_orphan(world: World, name: str) -> None:
    tags = {**world.context().pipeline.ownership, "Team": "backend"}
    world.aws.sqs.create_queue(QueueName=name, tags=tags)
    assert _orphans(world) == ()


def test_data_of_orphans_are_counted_and_kept_without_a_decision(world: World) -> None:
    write(world, "order-1", "order-2")
    now = world.aws.clock.now()
    put_audit_items(world, audit_item("f1", now, status="OPEN"), audit_item("f2", now, status="REPLAYED"))
    _rename(world)
    with pytest.raises(DataLossError) as refused:
        down_orphans(world.context(), yes)
    assert set(refused.value.resources) == {"table/dev-orders-table-backend", "table/dev-audit-logs-table-backend"}
    assert world.writes() == []
    shown: list[DownPreview] = []
    report = down_orphans(world.context(), shown.append, delete_data=True)
    losses = {loss.resource: loss for loss in shown[0].losses}
    assert losses["table/dev-orders-table-backend"] == Loss("table/dev-orders-table-backend", Contents(2), noun="order")
    assert losses["table/dev-audit-logs-table-backend"].not_replayed == 1
    assert report.losses == shown[0].losses
    assert _orphans(world) == ()


def test_data_of_orphans_can_be_kept(world: World) -> None:
    write(world, "order-1")
    _rename(world)
    report = down_orphans(world.context(), yes, keep_data=True)
    kept = {change.kind for change in report.changes if change.action is Action.KEEP}
    assert kept == {"table", "bucket", "log-group"}
    assert {each.kind for each in _orphans(world)} == kept


def test_the_confirmation_names_the_other_team(renamed: World) -> None:
    shown: list[DownPreview] = []

    def decline(preview: DownPreview) -> None:
        shown.append(preview)
        raise DeclinedError("Cancelled. Nothing was changed.")

    with pytest.raises(DeclinedError):
        down_orphans(renamed.context(), decline)
    assert shown[0].teams == ("backend",)
    assert renamed.writes() == []


def test_a_rename_within_the_team_names_no_team(world: World) -> None:
    _rename(world, {"dead-letter-queue": {"resource": "failures"}})
    shown: list[DownPreview] = []
    down_orphans(world.context(), shown.append, delete_data=True)
    assert shown[0].teams == ()


def test_up_status_and_down_report_orphans(world: World) -> None:
    write_config(world.file.parent, RENAMED)
    created = up(world.context(), yes)
    found = status(world.context()).health.orphans.orphans
    assert created.orphans == found
    assert found
    report = down(world.context(), yes)
    assert report.orphans == found
    assert down(world.context(), yes).orphans == found


@pytest.mark.parametrize(
    ("changes", "user"),
    [
        ({"bucket": {"resource": "data"}}, "processor"),
        ({"processor-role": {"resource": "role"}, "processor": {"resource": "code"}}, "stream-mapping"),
        ({"dead-letter-queue": {"resource": "failures"}}, "stream-mapping"),
        ({"audit-table": {"resource": "failures"}}, "auditor"),
    ],
)
def test_before_up_orphans_that_the_pipeline_uses_are_never_deleted(
    world: World, changes: dict[str, Any], user: str
) -> None:
    write_config(world.file.parent, changes)
    with pytest.raises(RefusedError) as refused:
        down_orphans(world.context(), yes, delete_data=True)
    assert user in refused.value.resources
    assert world.writes() == []


def test_before_up_the_confirmation_names_what_is_not_deployed(world: World) -> None:
    write_config(world.file.parent, RENAMED)
    shown: list[DownPreview] = []

    def decline(preview: DownPreview) -> None:
        shown.append(preview)
        raise DeclinedError("Cancelled. Nothing was changed.")

    with pytest.raises(DeclinedError):
        down_orphans(world.context(), decline)
    assert {"processor", "orders-table", "bucket", "stream-mapping"} <= set(shown[0].missing)
    assert shown[0].dangerous
    assert world.writes() == []


def test_an_order_that_arrives_after_the_confirmation_is_kept_and_its_mapping_continues(world: World) -> None:
    orders = world.context().pipeline.physical.orders_table
    _rename(world)

    def confirm(_: DownPreview) -> None:
        world.aws.dynamodb.put_item(TableName=orders, Item={"orderId": {"S": "late"}})
        world.calls.clear()

    with pytest.raises(DataLossError) as refused:
        down_orphans(world.context(), confirm)
    assert refused.value.resources == (f"table/{orders}",)
    writes = [each for each in world.writes() if "Receive" not in each]
    assert writes == ["lambda:UpdateEventSourceMapping", "lambda:UpdateEventSourceMapping"]
    assert [each for each in _orphans(world) if each.processes and orders in each.name]


def test_a_queue_of_orphans_that_can_still_receive_failures_is_kept_with_the_data(world: World) -> None:
    earlier = world.context().pipeline.physical
    _rename(world)
    error: Any = {
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": earlier.processor}],
        "Timestamp": world.aws.clock.now(),
        "Value": 1,
    }
    world.aws.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[error])
    report = down_orphans(world.context(), yes, keep_data=True)
    assert "queue" in {change.kind for change in report.changes if change.action is Action.KEEP}
    (left,) = [each for each in _orphans(world) if each.kind == "queue"]
    assert left.name == earlier.queue


def test_an_orphan_that_processes_the_orders_of_the_pipeline_degrades_it(world: World) -> None:
    function = world.context().pipeline.physical.processor
    _rename(world, {"processor": {"resource": "code"}})
    stream = world.context().observe(["orders-table"])["orders-table"]
    assert stream
    world.aws.lambda_.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=stream.facts_as(TableFacts).require_stream(),
        StartingPosition="TRIM_HORIZON",
    )
    checks = {each.name: each for each in status(world.context()).health.checks}
    assert (checks["orphans"].severity, checks["orphans"].command) == (Severity.DEGRADED, "down --orphans")
    down_orphans(world.context(), yes, delete_data=True)
    assert "orphans" not in {check.name for check in status(world.context()).health.checks}
    assert len(world.aws.lambda_.list_event_source_mappings()["EventSourceMappings"]) == 2


def test_orphans_that_process_their_own_orders_do_not_degrade_the_pipeline(renamed: World) -> None:
    health = status(renamed.context()).health
    assert [each.name for each in health.orphans.orphans if each.processes]
    assert "orphans" not in {check.name for check in health.checks}


def test_a_repeated_report_looks_for_orphans_once_a_minute(world: World) -> None:
    context = world.context()
    search = OrphanSearch(context)
    for _ in range(3):
        status(context, search)
    assert _index_reads(world) == 1
    context.aws.clock.sleep(60)
    status(context, search)
    assert _index_reads(world) == 2


def test_without_orphans_nothing_is_deleted(world: World) -> None:
    assert down_orphans(world.context(), yes) == DownReport(())
    assert world.writes() == []


def _deny(world: World, name: str, *operations: str) -> None:
    """Deny calls whose parameters contain a name."""

    def attempt(call: Call, parameters: object, send: Callable[[], object]) -> object:
        if call.operation in operations and name in str(parameters):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, call.operation)
        return send()

    world.aws.attempt = attempt


def test_without_the_permission_to_read_the_index_status_says_so(world: World) -> None:
    _deny(world, "", "GetResources")
    assert status(world.context()).health.orphans == Search(problem="needs tag:GetResources")
    assert down(world.context(), yes).orphans == ()


def _index_reads(world: World) -> int:
    return sum(call.operation == "GetResources" for call in world.calls)


def test_the_plan_of_a_rename_and_the_question_of_up_say_what_stays(world: World) -> None:
    before = _names(world)
    write_config(world.file.parent, RENAMED)
    found = plan(world.context()).orphans
    assert found is not None
    assert {f"{each.kind} {each.name}".replace(":live", "") for each in found.orphans} == before
    assert [each.name for each in found.orphans if each.processes and "orders" in each.name]
    asked: list[PlanReport] = []
    world.calls.clear()
    created = up(world.context(), asked.append, details=True)
    assert asked[0].orphans == found
    assert created.orphans == found.orphans
    assert _index_reads(world) == 1, "what the question named is not looked for again"
    assert plan(world.context()).orphans is None


def test_a_plan_without_creates_does_not_look_for_orphans(renamed: World) -> None:
    assert plan(renamed.context(), adopt=("bucket",)).orphans is None
    write_config(renamed.file.parent, {**RENAMED, "processor": {"timeout": 77}})
    assert plan(renamed.context()).pending
    assert _index_reads(renamed) == 0


def test_up_without_a_question_looks_for_orphans_once_beside_the_changes(world: World) -> None:
    write_config(world.file.parent, RENAMED)
    planned = plan(world.context())
    world.calls.clear()
    assert up(world.context(), yes, reviewed=planned.id).orphans
    operations = [call.operation for call in world.calls]
    assert operations.count("GetResources") == 1


def test_orphans_are_no_part_of_the_id_of_a_plan(world: World) -> None:
    write_config(world.file.parent, RENAMED)
    seen = plan(world.context())
    _deny(world, "", "GetResources")
    denied = plan(world.context())
    assert denied.orphans == Search(problem="needs tag:GetResources")
    assert denied.id == seen.id


def test_an_orphan_that_may_not_be_read_is_reported_as_possible_and_never_deleted(renamed: World) -> None:
    _deny(renamed, "dev-orders-table-backend", "DescribeTable")
    (hidden,) = [each for each in status(renamed.context()).health.orphans.orphans if each.unreadable]
    assert (hidden.name, hidden.unreadable) == ("dev-orders-table-backend", "dynamodb:DescribeTable")
    renamed.calls.clear()
    with pytest.raises(AccessDeniedError) as refused:
        down_orphans(renamed.context(), yes)
    assert POLICY_HINT in str(refused.value.hint)
    assert renamed.writes() == []


def test_a_denied_deletion_leaves_the_rest_deleted_and_names_the_policy(renamed: World) -> None:
    _deny(renamed, "dev-order-processor-dlq-backend", "DeleteQueue")
    with pytest.raises(IncompleteError) as failed:
        down_orphans(renamed.context(), yes, delete_data=True)
    assert POLICY_HINT in str(failed.value.hint)
    assert isinstance(failed.value.report, DownReport)
    assert {each.kind for each in _orphans(renamed)} == {"queue", "log-group"}


class _Killed(BaseException):
    """The process died."""


def test_after_a_kill_at_any_write_the_next_run_deletes_the_rest(renamed: World) -> None:
    world = renamed
    kept, number, alive = _names(world), 0, world.aws.attempt
    while _orphans(world):
        number += 1
        written = 0

        def attempt(call: Call, parameters: object, send: Callable[[], object]) -> object:
            nonlocal written
            if written >= WRITES:
                raise _Killed
            answer = send()
            written += not reads(call)
            return answer

        world.aws.attempt = attempt
        with suppress(_Killed):
            down_orphans(world.context(), yes, delete_data=True)
        world.aws.attempt = alive
    assert number > 10 / WRITES
    assert _names(world) == kept
    assert not [each for each in world.aws.iam.list_roles()["Roles"] if each["RoleName"].endswith("-backend")]
    assert not world.aws.lambda_.list_event_source_mappings()["EventSourceMappings"][2:]
