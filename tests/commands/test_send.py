"""`send`: an order is written and followed to its object, its failure, or the reason why it waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.stream_records import Cause, Kept
from pipectl.commands.pause import pause
from pipectl.commands.send import SendReport, SendState, send
from pipectl.commands.send_direct import LABEL, direct_record, send_direct
from pipectl.commands.send_order import Order, parse_order
from pipectl.commands.up import up
from pipectl.errors import AwsError, CancelledError, PipectlError, RequirementError
from pipectl.failures.errors import UnchangedOrderError
from pipectl.failures.model import quarantine_key
from pipectl.local.home import LocalEmulator
from tests.commands.existing_pipeline import existing, fail, store, write
from tests.e2e.mending import QUICK
from tests.support import FakeClock, Recorder, World, make_world, new_account, yes

Act = Callable[[], object]


class ActingClock(FakeClock):
    """A clock that starts now. Each sleep does the next act, as if AWS worked meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.started = datetime.now(UTC)
        self.acts: list[Act] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if seconds and self.acts:
            self.acts.pop(0)()


@pytest.fixture
def clock() -> ActingClock:
    return ActingClock()


@pytest.fixture
def world(tmp_path: Path, clock: ActingClock) -> Iterator[World]:
    with existing(tmp_path, clock) as world:
        yield world


def order(**values: object) -> Order:
    return parse_order(json.dumps({"orderId": "o-1", "amount": 1} | values), "orderId", lambda: "order-new")


def notes(world: World, report: Callable[[Any], SendReport]) -> tuple[SendReport, list[str]]:
    """Return a report, and the notes on the way."""
    context = world.context()
    assert isinstance(context.reporter, Recorder)
    return report(context), context.reporter.notes


def quarantine(world: World, record: Any, reason: str) -> None:
    key = quarantine_key(world.config.bucket.failed_prefix, record)
    body = Kept(record, Cause(reason)).json()
    world.aws.s3.put_object(Bucket=world.context().pipeline.physical.bucket, Key=key, Body=body)


def item(world: World, key: str = "o-1") -> Any:
    table = world.context().pipeline.physical.orders_table
    return world.aws.dynamodb.get_item(TableName=table, Key={"orderId": {"S": key}}).get("Item")


def test_a_stored_order(world: World, clock: ActingClock) -> None:
    clock.acts = [lambda: store(world, write(world)[-1], body=b'{"newImage": {"amount": 0.10}}')]
    report = send(world.context(), order())
    (record,) = write(world)
    assert (report.state, report.key, report.generated, report.event_name) == (SendState.STORED, "o-1", False, "INSERT")
    assert report.event_id == record["eventID"]
    assert str(report.sequence_number) == record["dynamodb"]["SequenceNumber"]
    assert str(report.object).endswith(f"/{record['eventID']}.json")
    assert str(report.document) == "{'newImage': {'amount': Decimal('0.10')}}"
    assert item(world) == order().item


def test_an_update_is_followed_by_its_own_record(world: World, clock: ActingClock) -> None:
    store(world, *write(world, "o-1", "other"))
    clock.acts = [lambda: write(world, "other"), lambda: store(world, write(world)[2])]
    report = send(world.context(), order(amount=2))
    assert (report.state, report.event_name) == (SendState.STORED, "MODIFY")
    assert report.event_id == write(world)[2]["eventID"]


def test_an_object_that_is_no_json_is_shown_as_text(world: World, clock: ActingClock) -> None:
    clock.acts = [lambda: store(world, write(world)[-1], body=b"id;amount\n")]
    assert send(world.context(), order()).document == "id;amount\n"


def test_a_failed_order_shows_its_first_attempt_and_its_failure(world: World, clock: ActingClock) -> None:
    def end() -> None:
        (record,) = write(world)
        fail(world, record, record)

    clock.acts = [lambda: quarantine(world, write(world)[-1], "InvalidOrderError: amount"), *[lambda: None] * 12, end]
    report, said = notes(world, lambda context: send(context, order()))
    assert report.state is SendState.FAILED
    assert report.failure
    assert (report.failure.reason, report.failure.tries) == ("InvalidOrderError: amount", 4)
    assert str(report.failure.audit_id).startswith("failure-")
    assert "/failed-data/" in str(report.failure.quarantine)
    assert said == ["attempt failed: InvalidOrderError: amount; Lambda retries"], "it says nothing of a wait after that"


def test_a_failure_without_a_record_in_quarantine_is_explained(world: World, clock: ActingClock) -> None:
    clock.acts = [lambda: fail(world, write(world)[-1], write(world)[-1], failure_type="RecordAgeExceeded")]
    report = send(world.context(), order())
    assert report.state is SendState.FAILED
    assert report.failure
    assert report.failure.quarantine is None
    assert "waited longer" in str(report.failure.reason)


def test_an_order_that_a_retry_stores_is_stored(world: World, clock: ActingClock) -> None:
    clock.acts = [
        lambda: quarantine(world, write(world)[-1], "ThrottlingError: later"),
        lambda: store(world, write(world)[-1]),
    ]
    assert send(world.context(), order()).state is SendState.STORED


def test_an_order_that_nobody_reads_waits_until_the_time_is_over(world: World, clock: ActingClock) -> None:
    report = send(world.context(), order(), timeout=7)
    assert (report.state, report.event_name) == (SendState.WAITING, "INSERT")
    assert 7 <= clock.seconds < 12
    assert "neither object nor failure yet" in str(report.waits_for)


def test_the_batching_window_is_waited_for(world: World, clock: ActingClock) -> None:
    context = world.context(**{"stream-mapping": {"batching_window": 100}})
    assert send(context, order()).state is SendState.WAITING
    assert 160 <= clock.seconds < 165


def test_a_paused_pipeline_is_not_waited_for(world: World, clock: ActingClock) -> None:
    pause(world.context(), "ada")
    clock.seconds = 0
    report = send(world.context(), order())
    assert report.state is SendState.WAITING
    assert "paused" in str(report.waits_for)
    assert "`pipectl resume`" in str(report.waits_for)
    assert clock.seconds < 1
    assert item(world)


def test_an_attempt_that_failed_is_part_of_the_waiting(world: World, clock: ActingClock) -> None:
    clock.acts = [lambda: quarantine(world, write(world)[-1], "InvalidOrderError: amount")]
    report = send(world.context(), order(), timeout=3)
    assert report.failure
    assert (report.failure.audit_id, report.failure.reason) == (None, "InvalidOrderError: amount")
    assert report.waits_for == "Lambda retries the record"


def test_another_filter_of_the_mapping_is_named(world: World) -> None:
    lambda_ = world.aws.lambda_
    [mapping] = lambda_.list_event_source_mappings(FunctionName=world.context().pipeline.physical.processor + ":live")[
        "EventSourceMappings"
    ]
    filters: Any = {"Filters": [{"Pattern": '{"eventName": ["REMOVE"]}'}]}
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], FilterCriteria=filters)
    assert "filter" in str(send(world.context(), order(), timeout=2).waits_for)


def test_metrics_that_cannot_be_read_leave_the_reason_open(world: World) -> None:
    def refuse(call: Any, _: object, send_: Callable[[], object]) -> object:
        if call.operation == "GetMetricData":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetMetricData")
        return send_()

    world.aws.attempt = refuse
    report = send(world.context(), order(), timeout=2)
    assert report.state is SendState.WAITING
    assert "not known" in str(report.waits_for)


def test_without_a_pipeline_nothing_is_written(moto_world: World) -> None:
    with pytest.raises(RequirementError) as raised:
        send(moto_world.context(), order())
    assert "orders-table" in raised.value.missing
    assert "stream-mapping" in raised.value.missing


def test_without_a_stream_nothing_is_written(world: World) -> None:
    table = world.context().pipeline.physical.orders_table
    world.aws.dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    with pytest.raises(PipectlError, match="is disabled"):
        send(world.context(), order())
    assert item(world) is None


def test_an_interrupt_says_that_the_order_is_in_the_table(world: World, clock: ActingClock) -> None:
    def interrupt() -> None:
        raise CancelledError("interrupted")

    clock.acts = [interrupt]
    with pytest.raises(CancelledError, match="order o-1 was written to the table") as raised:
        send(world.context(), order())
    assert raised.value.hint == "`pipectl trace o-1` follows it"
    assert item(world)


@pytest.mark.parametrize(
    "interrupt", [KeyboardInterrupt, CancelledError("interrupted")], ids=["ctrl-c", "while waiting"]
)
def test_an_interrupted_invocation_says_that_the_processor_may_have_been_invoked(
    world: World, interrupt: BaseException
) -> None:
    def end(call: Any, _: object, send_: Callable[[], object]) -> object:
        if call.operation == "Invoke":
            raise interrupt
        return send_()

    world.aws.attempt = end
    with pytest.raises(CancelledError, match="may have been invoked with order o-1"):
        send_direct(world.context(), order())


def test_an_error_after_the_write_says_that_the_order_is_in_the_table(world: World, clock: ActingClock) -> None:
    name = world.context().pipeline.physical.bucket
    clock.acts = [lambda: world.aws.s3.delete_bucket(Bucket=name)]
    with pytest.raises(AwsError) as raised:
        send(world.context(), order())
    assert "order o-1 was written to the table" in str(raised.value.hint)


@pytest.mark.parametrize(("status", "unclear"), [(400, False), (500, True)])
def test_a_write_that_fails_may_have_been_done_unless_aws_refuses_it(world: World, status: int, unclear: bool) -> None:
    def fail_to_put(call: Any, _: object, send_: Callable[[], object]) -> object:
        if call.operation == "PutItem":
            answer: Any = {"Error": {"Code": "Broken", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(answer, "PutItem")
        return send_()

    world.aws.attempt = fail_to_put
    with pytest.raises(AwsError) as raised:
        send(world.context(), order())
    assert ("order o-1 may be in the table" in str(raised.value.hint)) is unclear


def test_the_record_of_a_direct_invocation_is_of_no_real_stream(world: World) -> None:
    record = direct_record(world.context(), parse_order('{"orderId": {"S": "o"}, "b": {"B": "AQI="}}', "orderId", str))
    assert record["eventSourceARN"].endswith(f"/stream/{LABEL}")
    assert record["eventID"].startswith("direct-")
    assert record["dynamodb"]["Keys"] == {"orderId": {"S": "o"}}
    assert record["dynamodb"]["NewImage"] == {"orderId": {"S": "o"}, "b": {"B": "AQI="}}
    assert quarantine_key("failed-data", record).startswith(f"failed-data/{LABEL}/")
    json.dumps(record)


@pytest.mark.emulator
def test_stored_failed_unchanged_waiting_and_direct_on_the_emulator(tmp_path: Path, emulator: LocalEmulator) -> None:
    world = make_world(tmp_path, QUICK, endpoint_url=emulator.endpoint_url, account=new_account())
    up(world.context(), yes)
    stored = send(world.context(), order(amount=12))
    assert (stored.state, stored.event_name) == (SendState.STORED, "INSERT")
    assert stored.seconds < 10
    with pytest.raises(UnchangedOrderError):
        send(world.context(), order(amount=12))
    failed, said = notes(world, lambda context: send(context, order(amount="twelve")))
    assert (failed.state, failed.event_name) == (SendState.FAILED, "MODIFY")
    assert failed.failure
    assert "amount must be a number" in str(failed.failure.reason)
    assert failed.failure.audit_id
    assert said[0].startswith("attempt failed: InvalidOrderError")
    direct = send_direct(world.context(), order(amount=13))
    assert (direct.answer, direct.error) == ({"batchItemFailures": []}, None)
    assert "direct-" in str(direct.object)
    assert item(world)["amount"] == {"S": "twelve"}
    refused = send_direct(world.context(), order(amount="thirteen"))
    assert refused.error == 'InvalidOrderError: amount must be a number, got "thirteen"'
    assert f"/{LABEL}/" in str(refused.quarantine)
    assert any('"record failed"' in line for line in refused.lines)
    name = world.context().pipeline.physical.processor
    world.aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    waiting = send(world.context(), order(amount=14))
    assert waiting.state is SendState.WAITING
    assert "reserved concurrency is 0" in str(waiting.waits_for)
