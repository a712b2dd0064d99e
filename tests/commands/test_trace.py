"""`trace`: the events of an order, in order of time, and the stage at which it is stuck."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.stream_records import Cause, EventRecord, Kept
from pipectl.clock import SystemClock
from pipectl.commands.pause import pause
from pipectl.commands.trace import Doubt, Proof, Stage, Trace, trace
from pipectl.commands.up import up
from pipectl.config.names import UNRESOLVED_INDEX_TAG
from pipectl.failures.audit_table import Selection
from pipectl.failures.errors import NoSuchOrderError
from pipectl.failures.model import quarantine_key
from pipectl.failures.order_versions import MOST_VERSIONS
from pipectl.failures.resolution import Resolution
from pipectl.failures.status import ReplayStatus
from pipectl.local.home import LocalEmulator
from pipectl.output import trace as output
from pipectl.resource_keys import ResourceKey
from tests.commands.audit_items import audit_item
from tests.commands.existing_pipeline import existing, fail, put_audit_items, store, write
from tests.e2e.orders import Orders
from tests.output.screens import document
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, Recorder, World, make_world, new_account, yes


@pytest.fixture
def clock() -> FakeClock:
    """A clock that starts ten minutes after moto's records, and that only `sleep` moves."""
    clock = FakeClock()
    clock.started = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=10)
    return clock


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> Iterator[World]:
    with existing(tmp_path, clock) as world:
        yield world


def _processed(at: datetime) -> bytes:
    return json.dumps({"metadata": {"processedAt": at.isoformat()}}).encode()


def _kinds(traced: Trace) -> list[str]:
    return [event.kind for event in traced.events]


def _number(record: EventRecord) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def _quarantine(world: World, record: Any, reason: str | None = None, at: datetime | None = None) -> None:
    kept = Kept(record, Cause(reason, at) if reason else None)
    key = quarantine_key(world.config.bucket.failed_prefix, record)
    world.aws.s3.put_object(Bucket=world.context().pipeline.physical.bucket, Key=key, Body=kept.json())


def _update(world: World, order: str, amount: int) -> None:
    world.aws.dynamodb.update_item(
        TableName=world.context().pipeline.physical.orders_table,
        Key={"orderId": {"S": order}},
        UpdateExpression="SET amount = :amount",
        ExpressionAttributeValues={":amount": {"N": str(amount)}},
    )


def test_an_order_that_is_stored(world: World, clock: FakeClock) -> None:
    a, other = write(world, "a", "other")
    processed_at = clock.now() - timedelta(minutes=9)
    store(world, a, body=_processed(processed_at))
    store(world, other)
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.item) == (Stage.STORED, {"orderId": {"S": "a"}})
    assert (traced.versions, traced.at_stage) == (1, 1)
    assert _kinds(traced) == ["inserted", "stored"]
    inserted, stored = traced.events
    assert inserted.event_id == a["eventID"]
    assert str(stored.object).endswith(f"/{a['eventID']}.json")
    assert stored.time == processed_at
    assert {str(event.sequence_number) for event in traced.events} == {_number(a)}
    assert {event.version for event in traced.events} == {1}
    assert world.writes() == []


def test_every_version_is_shown(world: World) -> None:
    write(world, "a")
    _update(world, "a", 1)
    _update(world, "a", 2)
    first, second, third = write(world)
    store(world, first, second, third)
    assert trace(world.context(), "a").stage is Stage.STORED
    traced = trace(world.context(), "a")
    assert sorted(_kinds(traced)) == sorted(["inserted", "modified", "modified", "stored", "stored", "stored"])
    assert [event.version for event in traced.events] == [1, 1, 2, 2, 3, 3]


def test_a_failure_with_its_reason(world: World, clock: FakeClock) -> None:
    a, b = write(world, "a", "b")
    store(world, b)
    audit_id = fail(world, a, b)
    failed_at = clock.now() - timedelta(minutes=9)
    _quarantine(world, a, "InvalidOrderError: amount", failed_at)
    traced = trace(world.context(), "a")
    assert traced.stage is Stage.FAILED
    assert (traced.versions, traced.at_stage) == (1, 1)
    assert traced.doubts == ()
    failure = traced.failure
    assert failure
    assert (failure.audit_id, failure.status, failure.is_unresolved) == (audit_id, ReplayStatus.OPEN, True)
    assert (failure.proof, failure.reason) == (Proof.QUARANTINED, "InvalidOrderError: amount")
    (quarantined,) = [event for event in traced.events if event.kind == "quarantined"]
    assert (quarantined.time, quarantined.error) == (failed_at, "InvalidOrderError: amount")
    (failed,) = [event for event in traced.events if event.kind == "failed"]
    assert (failed.tries, failed.status) == (4, ReplayStatus.OPEN)
    assert sorted(_kinds(traced)) == ["failed", "inserted", "quarantined"]
    neighbour = trace(world.context(), "b")
    assert neighbour.stage is Stage.STORED
    assert _kinds(neighbour) == ["inserted", "stored"]  # it is in the range, and did not fail


def test_a_failed_replay_shows_the_functions_error(world: World, clock: FakeClock) -> None:
    (a,) = write(world, "a")
    fail(world, a, a, status="FAILED")
    names = world.context().pipeline.physical
    failing = {"M": {"sequenceNumber": {"S": _number(a)}, "error": {"S": "amount must be a number"}}}
    item = world.aws.dynamodb.scan(TableName=names.audit_table)["Items"][0]
    world.aws.dynamodb.put_item(
        TableName=names.audit_table,
        Item=item | {"replayedAt": {"S": clock.now().isoformat()}, "failingRecords": {"L": [failing]}},
    )
    traced = trace(world.context(), "a")
    (replayed,) = [event for event in traced.events if event.kind == "replayed"]
    assert (replayed.status, replayed.error) == (ReplayStatus.FAILED, "amount must be a number")
    assert traced.failure
    assert (traced.failure.proof, traced.failure.reason) == (Proof.NAMED, "amount must be a number")


def test_a_version_between_others_that_failed_may_be_a_good_one(world: World) -> None:
    a, _, c = write(world, "a", "b", "c")
    fail(world, a, c)
    between, end = trace(world.context(), "b"), trace(world.context(), "c")
    assert (between.failure and between.failure.proof, between.doubts) == (Proof.RANGE, (Doubt.RANGE,))
    assert (end.failure and end.failure.proof, end.doubts) == (Proof.NAMED, ())


def test_a_resolved_failure_says_by_whom_and_why(world: World, clock: FakeClock) -> None:
    (a,) = write(world, "a")
    fail(world, a, a)
    table = world.context().audit_table
    (failure,) = table.find(Selection(clock.now() - timedelta(hours=1)))
    at = clock.now()
    table.resolve([failure], Resolution(at, "ada", "a test order"))
    (resolved,) = [event for event in trace(world.context(), "a").events if event.kind == "resolved"]
    assert (resolved.by, resolved.error, resolved.time) == ("ada", "a test order", at)


def _old_failure(world: World, order: str, at: datetime, **changes: Any) -> str:
    """Audit a failure of a record that the stream no longer has, and that the quarantine keeps. Return its id."""
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders-table-backend/stream/2020-01-01T00:00:00.000"
    item = audit_item(f"old-{order}", at, stream=arn, **changes)
    put_audit_items(world, item)
    number = item["stream"]["M"]["startSequenceNumber"]["S"]
    record = {"eventSourceARN": arn, "dynamodb": {"SequenceNumber": number, "Keys": {"orderId": {"S": order}}}}
    _quarantine(world, record, "InvalidOrderError: old", at)
    return f"old-{order}"


def test_an_unresolved_failure_is_found_at_any_age(world: World, clock: FakeClock) -> None:
    three_days_ago = clock.now() - timedelta(days=3)
    old = _old_failure(world, "a", three_days_ago)
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.item, traced.versions, traced.at_stage) == (Stage.FAILED, None, 0, 0)
    failure = traced.failure
    assert failure
    assert (failure.audit_id, failure.at, failure.reason) == (old, three_days_ago, "InvalidOrderError: old")
    assert [(event.kind, event.version) for event in traced.events] == [("failed", None)]
    (a,) = write(world, "a")
    store(world, a)
    newer = trace(world.context(), "a")
    assert (newer.stage, newer.at_stage, _kinds(newer)) == (Stage.FAILED, 0, ["failed", "inserted", "stored"])


def test_without_the_whole_index_older_failures_are_in_doubt(world: World) -> None:
    (a,) = write(world, "a")
    store(world, a)
    table = world.aws.dynamodb.describe_table(TableName=world.context().pipeline.physical.audit_table)["Table"]
    world.aws.dynamodb.untag_resource(ResourceArn=table["TableArn"], TagKeys=[UNRESOLVED_INDEX_TAG])
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.doubts) == (Stage.STORED, (Doubt.NO_INDEX,))
    with pytest.raises(NoSuchOrderError) as raised:
        trace(world.context(), "unknown")
    assert raised.value.gap == traced.gap


def test_an_old_failure_that_is_done_or_of_another_order_is_not_of_this_one(world: World, clock: FakeClock) -> None:
    _old_failure(world, "a", clock.now() - timedelta(days=3), status="REPLAYED")
    _old_failure(world, "b", clock.now() - timedelta(days=3), first="100000000000000000002")
    with pytest.raises(NoSuchOrderError):
        trace(world.context(), "a")


def _next(traced: Trace) -> str:
    return str(document(partial(output.result, found=traced))["next"][-1])


def test_the_failure_of_an_order_that_was_corrected_since_is_closed_and_not_replayed(world: World) -> None:
    write(world, "a")
    (first,) = write(world)
    audit_id = fail(world, first, first)
    _quarantine(world, first, "InvalidOrderError: amount")
    before = trace(world.context(), "a")
    assert before.failure
    assert (before.failure.is_corrected, "replay-dlq --id" in _next(before)) == (False, True)
    _update(world, "a", 1)
    _, second = write(world)
    waiting = trace(world.context(), "a")
    assert waiting.failure
    assert not waiting.failure.is_corrected
    store(world, second)
    corrected = trace(world.context(), "a")
    assert (corrected.stage, corrected.at_stage) == (Stage.FAILED, 1)
    assert corrected.failure
    assert corrected.failure.is_corrected
    assert _next(corrected) == f"pipectl audit resolve {audit_id} --reason TEXT"


def test_a_failure_of_several_orders_is_not_closed_because_one_was_corrected(world: World) -> None:
    first, other = write(world, "a", "b")
    fail(world, first, other)
    _update(world, "a", 1)
    store(world, write(world)[-1])
    failure = trace(world.context(), "a").failure
    assert failure
    assert not failure.is_corrected


def test_a_finished_failure_needs_force(world: World) -> None:
    (a,) = write(world, "a")
    fail(world, a, a, status="REPLAYED")
    failure = trace(world.context(), "a").failure
    assert failure
    assert not failure.is_unresolved


def test_the_open_failure_of_several_is_shown(world: World, clock: FakeClock) -> None:
    a, b = write(world, "a", "b")
    open_ = fail(world, a, a, at=clock.now() - timedelta(minutes=5))
    fail(world, a, b, at=clock.now(), status="EXPIRED")
    failure = trace(world.context(), "a").failure
    assert failure
    assert failure.audit_id == open_


def test_a_record_with_neither_object_nor_failure_is_lost(world: World) -> None:
    write(world, "a")
    traced = trace(world.context(), "a")
    assert traced.stage is Stage.LOST
    assert (traced.versions, traced.at_stage) == (1, 1)


def test_a_young_record_is_waiting(world: World, clock: FakeClock) -> None:
    write(world, "a")
    clock.started -= timedelta(minutes=9, seconds=50)
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.at_stage, traced.stopped) == (Stage.WAITING, 1, None)


def test_a_record_that_failed_and_is_retried_waits_with_its_error(world: World, clock: FakeClock) -> None:
    (a,) = write(world, "a")
    _quarantine(world, a, "InvalidOrderError: amount", clock.now())
    clock.started -= timedelta(minutes=9, seconds=50)
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.error, traced.doubts) == (Stage.WAITING, "InvalidOrderError: amount", (Doubt.YOUNG,))


def _paused(world: World) -> str:
    pause(world.context(), "ada")
    return "`pipectl resume`"


def _disabled(world: World) -> str:
    direct = DirectAccess(world)
    direct.lambda_.update_event_source_mapping(
        UUID=direct.mapping(direct.resources[ResourceKey.STREAM_MAPPING])["UUID"], Enabled=False
    )
    return "`pipectl up`"


def _gone(world: World) -> str:
    direct = DirectAccess(world)
    direct.lambda_.delete_event_source_mapping(
        UUID=direct.mapping(direct.resources[ResourceKey.STREAM_MAPPING])["UUID"]
    )
    return "`pipectl up`"


@pytest.mark.parametrize("stop", [_paused, _disabled, _gone])
def test_a_record_waits_with_a_reason_when_the_mapping_does_not_read(world: World, stop: Any) -> None:
    write(world, "a")
    command = stop(world)
    traced = trace(world.context(), "a")
    assert traced.stage is Stage.WAITING
    assert command in str(traced.stopped)


def test_an_order_that_is_not_in_the_stream(world: World, clock: FakeClock) -> None:
    write(world, "a")
    clock.started -= timedelta(hours=1)  # what came since is not looked at
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.events) == (Stage.UNSEEN, ())
    assert Doubt.EXPIRED in traced.doubts


def test_an_unknown_order(world: World) -> None:
    write(world, "a")
    with pytest.raises(NoSuchOrderError) as raised:
        trace(world.context(), "unknown")
    assert (raised.value.key, raised.value.unread, raised.value.exit_code) == ("unknown", (), 1)


def test_the_steps_are_reported(world: World) -> None:
    write(world, "a")
    context = world.context()
    trace(context, "a")
    assert isinstance(context.reporter, Recorder)
    assert context.reporter.steps[:2] == [f"reading the stream: {read} of 1 shard read" for read in (0, 1)]
    assert len(context.reporter.steps) == 4


def test_an_order_that_was_removed(world: World) -> None:
    (a,) = write(world, "a")
    store(world, a)
    names = world.context().pipeline.physical
    world.aws.dynamodb.delete_item(TableName=names.orders_table, Key={"orderId": {"S": "a"}})
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.item, traced.was_removed, traced.doubts) == (Stage.STORED, None, True, ())
    assert "removed" in _kinds(traced)


def test_the_newest_of_many_versions_are_shown(world: World) -> None:
    write(world, "a")
    for amount in range(MOST_VERSIONS):
        _update(world, "a", amount)
    traced = trace(world.context(), "a")
    assert traced.more
    assert Doubt.OLDER_VERSIONS in traced.doubts
    assert _kinds(traced) == ["modified"] * MOST_VERSIONS


def test_the_document_is_json(world: World) -> None:
    (a,) = write(world, "a")
    store(world, a, body=b"[]")
    found = document(partial(output.result, found=trace(world.context(), "a")))
    assert (found["key"], found["stage"], found["more"]) == ("a", "stored", False)
    assert (found["certain"], found["doubts"], found["next"]) == (True, [], [])
    assert [event["kind"] for event in found["events"]] == ["inserted", "stored"]
    assert found["events"][0]["sequenceNumber"] == _number(a)
    assert found["events"][0]["time"].endswith("Z")


class Later(SystemClock):
    """A clock that is ten minutes ahead, so that new records are not young."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=10)


@pytest.mark.emulator
def test_an_invalid_order_and_a_valid_one_on_the_emulator(emulator: LocalEmulator, tmp_path: Path) -> None:
    account = new_account()
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=account, clock=Later())
    up(world.context(), yes)
    orders = Orders(world, world.context().pipeline.physical)
    orders.write(6, 1)
    orders.wait_until_settled()
    ((poison, _),) = orders.poison
    bad = trace(world.context(), poison)
    assert bad.stage is Stage.FAILED
    assert {"inserted", "quarantined", "failed"} <= set(_kinds(bad))
    good = next(order for order, _ in orders.good if order != poison)
    traced = trace(world.context(), good)
    assert traced.stage is Stage.STORED
    assert [event.time for event in traced.events] == sorted(event.time for event in traced.events)
    assert _kinds(traced)[:2] == ["inserted", "stored"]
