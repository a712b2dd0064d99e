"""`verify`: every record of the stream is stored, failed, pending or lost, and lost ones are repaired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from pipectl.aws.client import Aws, Credentials
from pipectl.clock import SystemClock
from pipectl.commands.pause import pause
from pipectl.commands.up import up
from pipectl.commands.verify import VerifyReport, verify
from pipectl.errors import AwsError, DeclinedError, PipectlError
from pipectl.failures.model import object_key
from pipectl.failures.verification import LostRecord
from pipectl.local.home import LocalEmulator
from tests.commands.existing_pipeline import existing, fail, store, write
from tests.e2e.mending import mended_processor
from tests.e2e.orders import Orders
from tests.resources.direct_access import DirectAccess
from tests.support import ACCOUNT, REGION, FakeClock, World, make_world, new_account, yes

DAY = timedelta(hours=24)


class Later(SystemClock):
    """A clock that is ten minutes ahead, so that new records are not young, and that sleeps briefly."""

    def now(self) -> datetime:
        return super().now() + timedelta(minutes=10)

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.02))


@pytest.fixture
def clock() -> FakeClock:
    """A clock that starts ten minutes after moto's records, and that only `sleep` moves."""
    clock = FakeClock()
    clock.started = datetime.now(UTC) + timedelta(minutes=10)
    return clock


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> Iterator[World]:
    """A pipeline on moto. The test writes objects and failures."""
    with existing(tmp_path, clock) as world:
        yield world


def _verify(world: World, **options: Any) -> VerifyReport:
    return verify(world.context(), world.aws.clock.now() - DAY, **options)


def _order(record: LostRecord) -> str:
    keys: Any = record.keys
    return str(keys["orderId"]["S"])


def _lost(report: VerifyReport) -> list[str]:
    return [_order(record) for record in report.records]


def test_every_record_is_stored_failed_or_lost(world: World) -> None:
    a, b, c, d, e = write(world, "a", "b", "c", "d", "e")
    store(world, a, d)
    fail(world, b, b)
    report = _verify(world)
    assert (report.read, report.stored, report.failed, report.pending, report.lost) == (5, 2, 1, 0, 2)
    assert _lost(report) == ["c", "e"]
    assert not report.ok
    (lost, _) = report.records
    assert lost.object_name == object_key("", c).removeprefix("/")
    assert (lost.event_name, lost.event_id, lost.shard_id) == ("INSERT", c["eventID"], c["shard"])
    assert lost.sequence_number.text == c["dynamodb"]["SequenceNumber"]
    assert world.writes() == []
    store(world, c, e)
    assert _verify(world).ok


@pytest.mark.parametrize("status", ["OPEN", "PARTIAL", "FAILED", "RESOLVED"])
def test_a_failure_without_a_successful_replay_covers_the_records_of_its_range(world: World, status: str) -> None:
    a, b, c, _d = write(world, "a", "b", "c", "d")
    store(world, b)
    fail(world, a, c, status=status)
    report = _verify(world)
    assert (report.stored, report.failed, _lost(report)) == (1, 2, ["d"])


@pytest.mark.parametrize("status", ["REPLAYED", "EXPIRED"])
def test_a_failure_that_was_replayed_or_has_expired_covers_no_missing_object(world: World, status: str) -> None:
    a, b, c = write(world, "a", "b", "c")
    store(world, b)
    fail(world, a, c, status=status)
    report = _verify(world)
    assert (report.failed, _lost(report), report.ok) == (0, ["a", "c"], False)


def test_a_range_without_valid_ends_covers_no_record(world: World) -> None:
    (a, *_others) = write(world, *"abcdefgh")
    first, last = ({**a, "dynamodb": {**a["dynamodb"], "SequenceNumber": number}} for number in ("0" * 21, "9" * 40))
    fail(world, first, last)
    assert _verify(world).lost == 8


class LosingIterators(Aws):
    """Return AWS clients whose shard iterators all expire."""

    code = "ExpiredIteratorException"

    @property
    def streams(self) -> Any:
        real = super().streams
        return SimpleNamespace(
            list_streams=real.list_streams,
            describe_stream=real.describe_stream,
            get_shard_iterator=real.get_shard_iterator,
            get_records=self.get_records,
        )

    def get_records(self, **_: str) -> None:
        raise AwsError(self.code, service="dynamodbstreams", aws_code=self.code)


@pytest.mark.parametrize("code", ["ExpiredIteratorException", "TrimmedDataAccessException"])
def test_a_shard_that_is_not_read_to_its_end_is_no_all_clear(world: World, clock: FakeClock, code: str) -> None:
    (a,) = write(world, "a")
    losing = LosingIterators(REGION, credentials=Credentials(ACCOUNT, "test"), clock=clock)
    losing.code = code
    report = verify(replace(world.context(), aws=losing), clock.now() - DAY)
    assert (report.read, report.lost, report.unread, report.ok) == (0, 0, (a["shard"],), False)


class ListingAnotherStream(Aws):
    """Return AWS clients that list one more stream of the orders table, which is switched off and has one record."""

    label = datetime(2026, 1, 1, tzinfo=UTC)
    arn = ""

    @property
    def streams(self) -> Any:
        real = super().streams

        def list_streams(**request: Any) -> Any:
            (own,) = real.list_streams(**request)["Streams"]
            self.arn = f"{own['StreamArn'].rpartition('/')[0]}/{self.label.replace(tzinfo=None).isoformat()}"
            return {"Streams": [own, {"StreamArn": self.arn}]}

        def describe_stream(**request: Any) -> Any:
            if request["StreamArn"] != self.arn:
                return real.describe_stream(**request)
            closed = {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9"}
            return {"StreamDescription": {"Shards": [{"ShardId": "other", "SequenceNumberRange": closed}]}}

        def get_shard_iterator(**request: Any) -> Any:
            is_other = request["StreamArn"] == self.arn
            return {"ShardIterator": "other"} if is_other else real.get_shard_iterator(**request)

        def get_records(**request: Any) -> Any:
            is_other = request["ShardIterator"] == "other"
            return {"Records": [self._record()]} if is_other else real.get_records(**request)

        return SimpleNamespace(
            list_streams=list_streams,
            describe_stream=describe_stream,
            get_shard_iterator=get_shard_iterator,
            get_records=get_records,
        )

    def _record(self) -> Any:
        at = self.clock.now() - timedelta(hours=1)
        change = {"SequenceNumber": f"{5:021}", "ApproximateCreationDateTime": at, "Keys": {"orderId": {"S": "old"}}}
        return {"eventID": "old", "eventName": "INSERT", "dynamodb": change}


@pytest.mark.parametrize(
    ("age", "lost"), [(timedelta(hours=2), []), (timedelta(minutes=-1), ["old"])], ids=["deleted table", "same table"]
)
def test_orders_of_a_deleted_table_are_not_lost(
    world: World, clock: FakeClock, age: timedelta, lost: list[str]
) -> None:
    """After `down` and `up`, DynamoDB lists the stream of the deleted table for 24 hours."""
    other = ListingAnotherStream(REGION, credentials=Credentials(ACCOUNT, "test"), clock=clock)
    other.label = datetime.now(UTC) - age
    report = verify(replace(world.context(), aws=other), clock.now() - DAY)
    assert (_lost(report), report.ok) == (lost, not lost)


def test_a_range_of_another_shard_or_stream_covers_nothing(world: World) -> None:
    (a,) = write(world, "a")
    fail(world, a | {"shard": "shardId-00000000000000000000-other"}, a)
    fail(world, a | {"eventSourceARN": f"{a['eventSourceARN']}-older"}, a)
    assert _lost(_verify(world)) == ["a"]


def test_a_removal_needs_no_object(world: World) -> None:
    store(world, *write(world, "a"))
    names = world.context().pipeline.physical
    world.aws.dynamodb.delete_item(TableName=names.orders_table, Key={"orderId": {"S": "a"}})
    report = _verify(world)
    assert (report.read, report.ok) == (1, True)


def test_only_records_since_the_start_time_are_checked(world: World, clock: FakeClock) -> None:
    write(world, "a")
    report = verify(world.context(), clock.now() - timedelta(minutes=5))
    assert (report.read, report.ok) == (0, True)
    assert report.oldest
    assert report.oldest < clock.now() - timedelta(minutes=5)


def test_a_few_objects_are_asked_for_and_none_is_read(world: World) -> None:
    store(world, *write(world, *(f"o{n}" for n in range(20))))
    world.calls.clear()
    assert _verify(world).stored == 20
    s3 = [call.operation for call in world.calls if call.service == "s3"]
    assert s3.count("HeadObject") == 20
    assert "ListObjectsV2" not in s3
    assert "GetObject" not in s3


def test_an_object_with_another_name_is_not_the_records_object(world: World) -> None:
    (a,) = write(world, "a")
    key = object_key(world.config.bucket.prefix, a)
    for other in (f"{key}.bak", key.replace("processed-data", "failed-data"), key.replace(".json", "x.json")):
        world.aws.s3.put_object(Bucket=world.context().pipeline.physical.bucket, Key=other, Body=b"{}")
    assert _lost(_verify(world)) == ["a"]


# what may just not have been got to


def test_a_young_record_is_pending(world: World, clock: FakeClock) -> None:
    write(world, "a")
    clock.started -= timedelta(minutes=9, seconds=30)
    report = _verify(world)
    assert (report.pending, report.lost, report.ok) == (1, 0, True)
    clock.started += timedelta(minutes=5)
    assert _lost(_verify(world)) == ["a"]


def test_a_record_younger_than_the_lag_of_the_mapping_is_pending(world: World) -> None:
    write(world, "a")
    age: Any = {
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": world.context().pipeline.physical.processor}],
        "Timestamp": world.aws.clock.now() - timedelta(minutes=5),
        "Value": 20 * 60 * 1000,
        "Unit": "Milliseconds",
    }
    world.aws.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[age])
    assert _verify(world).pending == 1


def test_during_a_pause_all_records_that_are_not_stored_are_pending(world: World) -> None:
    """A record before a stored one can be pending, too: its batch may have been retried when the pause began."""
    a, b, c, d = write(world, "a", "b", "c", "d")
    store(world, a, c)
    pause(world.context(), "ada")
    report = _verify(world)
    assert (report.stored, report.pending, report.lost, report.ok) == (2, 2, 0, False)
    assert "`pipectl resume`" in str(report.uncertain)
    store(world, b, d)
    assert _verify(world).ok


def test_during_a_pause_without_stored_records_all_are_pending(world: World) -> None:
    write(world, "a", "b")
    pause(world.context(), "ada")
    assert _verify(world).pending == 2


def test_failures_that_wait_for_the_auditor_are_reported(world: World) -> None:
    url = world.aws.sqs.get_queue_url(QueueName=world.context().pipeline.physical.queue)["QueueUrl"]
    world.aws.sqs.send_message(QueueUrl=url, MessageBody="{}")
    assert _verify(world).waiting_in_queue == 1


def test_an_empty_stream_has_no_lost_records(world: World) -> None:
    report = _verify(world)
    assert (report.read, report.oldest, report.ok) == (0, None, True)


def test_without_a_pipeline_it_is_an_error(tmp_path: Path) -> None:
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        with pytest.raises(PipectlError, match="orders-table"):
            _verify(world)


# repair


def _no(report: VerifyReport) -> None:
    raise DeclinedError("no")


def test_a_cancelled_repair_processes_nothing(world: World) -> None:
    write(world, "a")
    with pytest.raises(DeclinedError):
        _verify(world, repair=True, confirm=_no)
    assert world.writes() == []


def test_a_repair_without_lost_records_does_not_ask(world: World) -> None:
    store(world, *write(world, "a"))
    assert _verify(world, repair=True, confirm=_no).ok
    assert world.writes() == []


# a permission lost, on the local emulator


@pytest.fixture
def dropped(emulator: LocalEmulator, tmp_path: Path) -> Orders:
    """Write 12 orders, 2 of them invalid, whose failures are not delivered: the role may not write to the queue."""
    account = new_account()
    world = make_world(tmp_path, endpoint_url=emulator.endpoint_url, account=account, clock=Later())
    up(world.context(), yes)
    direct = DirectAccess(world, account)
    direct.revoke("processor", "SendFailures")
    orders = Orders(world, direct.names)
    orders.write(12, 2)

    def worked_off() -> bool:
        metric = world.aws.cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="DestinationDeliveryFailures",
            Dimensions=[{"Name": "FunctionName", "Value": direct.names.processor}],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in metric) == 2 and len(orders.keys("processed-data")) == 10

    world.aws.wait(worked_off, "the failures to be dropped", 120)
    return orders


@pytest.mark.emulator
@pytest.mark.timeout(170)
def test_records_that_a_missing_permission_lost_are_reported_and_repaired_once(dropped: Orders, tmp_path: Path) -> None:
    world = dropped.world
    records = dropped.records()
    poison = {records[version]["eventID"]: version for version in dropped.poison}
    report = _verify(world)
    assert (report.read, report.stored, report.failed, report.pending) == (12, 10, 0, 0)
    assert {record.event_id for record in report.records} == set(poison)
    assert {_order(record) for record in report.records} == {order for order, _ in dropped.poison}

    still = _verify(world, repair=True)
    assert (still.lost, still.repaired, still.ok) == (2, 0, False)
    assert {each.sequence_number.value for each in still.failing} == dropped.poison_numbers()
    assert all("amount must be a number" in each.error for each in still.failing)

    up(world.context(processor=mended_processor(tmp_path / "fixed")["processor"]), yes)
    repaired = _verify(world, repair=True)
    assert (repaired.lost, repaired.repaired, repaired.failing, repaired.ok) == (2, 2, (), True)
    assert dropped.stored() == dropped.good | dict.fromkeys(dropped.poison, "twelve")
    versions = [key for key in dropped.object_versions() if key.startswith("processed-data/")]
    assert len(versions) == len(set(versions)) == 12

    after = _verify(world, repair=True)
    assert (after.stored, after.lost, after.ok) == (12, 0, True)
