"""`trace`: the events of an order, in order of time, and the stage at which it is stuck."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.stream_records import EventRecord
from pipectl.clock import SystemClock
from pipectl.commands.pause import pause
from pipectl.commands.trace import MOST_RECORDS, Stage, Trace, TracedFailure, trace
from pipectl.commands.up import up
from pipectl.failures.model import ReplayStatus, quarantine_key
from pipectl.local.home import LocalEmulator
from pipectl.output import trace as output
from pipectl.resource_keys import ResourceKey
from tests.commands.existing_pipeline import existing, fail, store, write
from tests.e2e.orders import Orders
from tests.output.screens import document
from tests.resources.direct_access import DirectAccess
from tests.support import FakeClock, World, make_world, new_account, yes


@pytest.fixture
def clock() -> FakeClock:
    """A clock that starts ten minutes after moto's records, and that only `sleep` moves."""
    clock = FakeClock()
    clock.started = datetime.now(UTC) + timedelta(minutes=10)
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
    assert {event.sequence_number.text for event in traced.events} == {_number(a)}
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


def test_a_failure_has_the_command_to_replay_it(world: World) -> None:
    a, b = write(world, "a", "b")
    store(world, b)
    audit_id = fail(world, a, b)
    world.aws.s3.put_object(
        Bucket=world.context().pipeline.physical.bucket, Key=quarantine_key("failed-data", a), Body=json.dumps(a)
    )
    traced = trace(world.context(), "a")
    assert traced.stage is Stage.FAILED
    assert (traced.versions, traced.at_stage) == (1, 1)
    assert traced.failure == TracedFailure(audit_id, "RetryAttemptsExhausted", ReplayStatus.OPEN, is_unresolved=True)
    assert sorted(_kinds(traced)) == ["failed", "inserted", "quarantined"]
    neighbour = trace(world.context(), "b")
    assert neighbour.stage is Stage.STORED
    assert "failed" in _kinds(neighbour)


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


def test_an_unknown_order(world: World) -> None:
    traced = trace(world.context(), "nobody")
    assert (traced.stage, traced.item, traced.events) == (Stage.ABSENT, None, ())
    assert not traced.was_removed


def test_an_order_that_was_removed(world: World) -> None:
    (a,) = write(world, "a")
    store(world, a)
    names = world.context().pipeline.physical
    world.aws.dynamodb.delete_item(TableName=names.orders_table, Key={"orderId": {"S": "a"}})
    traced = trace(world.context(), "a")
    assert (traced.stage, traced.item) == (Stage.STORED, None)
    assert "removed" in _kinds(traced)


def test_the_newest_of_many_versions_are_shown(world: World) -> None:
    write(world, "a")
    for amount in range(MOST_RECORDS):
        _update(world, "a", amount)
    traced = trace(world.context(), "a")
    assert traced.more
    assert _kinds(traced) == ["modified"] * MOST_RECORDS


def test_the_document_is_json(world: World) -> None:
    (a,) = write(world, "a")
    store(world, a, body=b"[]")
    found = document(partial(output.result, found=trace(world.context(), "a")))
    assert (found["key"], found["stage"], found["more"]) == ("a", "stored", False)
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
