"""The model behind docs/scale.md: its sizes are those of the handlers, its tries those of Lambda and of the replay."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from tools.scale_model import invocation_seconds, replay_sizes, work

from pipectl.config.models import Config
from pipectl.failures import audit_updates
from pipectl.failures.outcomes import Outcome
from pipectl.failures.status import ReplayStatus
from tests.lambda_src.loading import load
from tests.support import ROOT
from tools import scale_figures, scale_model

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders-table-backend/stream/2026-01-02T03:04:05.678"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:dev-order-processor-lambda-backend:live"
REQUEST = "8f2b1c3d-1111-2222-3333-444455556666"
NUMBER = "4" * 25
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAGE = (ROOT / "docs" / "scale.md").read_text()


def stream_record(amount: dict[str, str]) -> dict[str, Any]:
    """Return the record of a new order of 1,000 bytes."""
    order = {"orderId": {"S": "order-0000000001"}, "amount": amount, "customer": {"S": "Ada"}, "note": {"S": "x" * 900}}
    change = {
        "ApproximateCreationDateTime": 1767323045,
        "Keys": {"orderId": order["orderId"]},
        "NewImage": order,
        "SequenceNumber": NUMBER,
        "SizeBytes": 1000,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    head = {"eventID": "f" * 32, "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb"}
    return {**head, "awsRegion": "us-east-1", "eventSourceARN": STREAM, "dynamodb": change}


def message() -> dict[str, Any]:
    """Return the message of a failed record, in the form of Lambda."""
    batch = {
        "shardId": "shardId-00000001767323045678-abcdef01",
        "startSequenceNumber": NUMBER,
        "endSequenceNumber": NUMBER,
        "approximateArrivalOfFirstRecord": "2026-01-02T03:04:05Z",
        "approximateArrivalOfLastRecord": "2026-01-02T03:04:05Z",
        "batchSize": 1,
        "streamArn": STREAM,
    }
    request = {"requestId": REQUEST, "functionArn": FUNCTION, "condition": "RetryAttemptsExhausted"}
    body = {
        "requestContext": {**request, "approximateInvokeCount": 4},
        "responseContext": {"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-01-02T03:10:00.717Z",
        "DDBStreamBatchInfo": batch,
    }
    return {
        "messageId": REQUEST,
        "body": json.dumps(body),
        "md5OfBody": "f" * 32,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767323400717", "SenderId": "AROA:lambda"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:dev-order-processor-dlq-backend",
        "awsRegion": "us-east-1",
    }


def test_object_quarantine_and_log_line_have_the_sizes_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    handler, written = load("processor"), []
    client = SimpleNamespace(put_object=lambda **put: written.append(len(put["Body"])))
    context = SimpleNamespace(function_name="f" * 34, aws_request_id=REQUEST, function_version="7")
    good, bad = stream_record({"N": "12.5"}), stream_record({"S": "twelve"})
    handler.Processor(client, "bucket").process({"Records": [good, bad]}, context)
    assert written == pytest.approx([scale_model.OBJECT_BYTES, scale_model.QUARANTINE_BYTES], rel=0.05)
    assert len(capsys.readouterr().out) == pytest.approx(scale_model.FAILURE_LOG_BYTES, rel=0.1)
    assert handler.WRITERS == scale_model.WRITERS


def test_an_audit_item_has_the_size_of_the_model() -> None:
    items: list[Any] = []
    client = SimpleNamespace(put_item=lambda **put: items.append(put["Item"]))
    load("auditor").Auditor(client, "table").audit({"Records": [message()]}, SimpleNamespace(aws_request_id=REQUEST))
    size = sum(len(name) + _size(value) for name, value in items[0].items())
    assert size == pytest.approx(scale_model.AUDIT_ITEM_BYTES, rel=0.05)
    assert scale_model.units(size) == scale_model.units(scale_model.AUDIT_ITEM_BYTES)


def test_claim_and_outcome_change_the_size_of_an_item_as_in_the_model() -> None:
    """The outcome ends the claim and removes the mark of the sparse index."""
    claim = _set(audit_updates.claim(NOW, "f" * 32, NOW, again=False))
    outcome = Outcome(ReplayStatus.REPLAYED, replayed=1, version="7")
    settled = _set(audit_updates.settle(outcome, "f" * 32, NOW, attempts=1))
    unchanged = {"unresolved": 13, "replayStatus": 16}
    assert sum((claim | unchanged).values()) == scale_model.CLAIMED_ITEM_BYTES - scale_model.AUDIT_ITEM_BYTES + 29
    assert sum(settled.values()) == scale_model.REPLAYED_ITEM_BYTES - scale_model.AUDIT_ITEM_BYTES + 29


def _set(update: audit_updates.Update) -> dict[str, int]:
    """Return the attributes that an update sets, each with the bytes of its name and value."""
    assignments = re.findall(r"(\w+) = (:\w+)", update.expression)
    return {name: len(name) + _size(dict(update.values[value])) for name, value in assignments}


def _size(value: dict[str, Any]) -> int:
    """Return the bytes that DynamoDB counts for a value."""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(len(name) + _size(member) + 1 for name, member in content.items())
    if kind == "L":
        return 3 + sum(_size(member) + 1 for member in content)
    return len(content) // 2 + 2 if kind == "N" else len(content)


def test_one_failing_order_of_two_is_isolated_and_retried() -> None:
    """Two orders raise together; then the failing one raises 4 times and the other succeeds."""
    assert scale_model.settled([0], 2, 1769) == pytest.approx((6, 7, 0.2 + 4 * 0.2 + 0.1, 5, 5))


def test_one_failing_order_in_a_batch_of_100_makes_nine_or_ten_errors() -> None:
    """docs/concepts/failures.md and the alarm's threshold depend on it."""
    errors = [scale_model.settled([place], 100, 256)[4] for place in range(100)]
    assert statistics.median(errors) in (9, 10)
    assert work(100, 256, failing=True).errors * 100 == pytest.approx(statistics.mean(errors))


def test_an_invocation_takes_the_longer_of_waits_and_processor_time() -> None:
    assert invocation_seconds(16, 1769) == pytest.approx(0.1)
    assert invocation_seconds(17, 1769) == pytest.approx(0.2)
    assert invocation_seconds(100, 128) == pytest.approx(100 * 0.001 * 1769 / 128)


@pytest.mark.parametrize("batch", [1, 2, 10, 100])
def test_a_replay_in_which_all_fail_tries_each_record_alone(batch: int) -> None:
    sizes = replay_sizes(batch)
    assert sizes[0] == batch
    assert sizes.count(1) == batch
    assert len(sizes) <= 2 * batch


def test_the_bill_of_a_million_orders_adds_up_by_hand() -> None:
    by_hand = 0.625 + 1.1 * 0.45 + 0.01 * 0.20 + 1e4 * 0.7 * 0.25 * 13.3334e-6 + 5 + 1.524 * 0.023 + 0.0035 * 0.53
    dollars = [each(scale_figures.CLEAN, 0.0) * 1e6 for each, _ in scale_figures.BILL.values()]
    assert sum(dollars) == pytest.approx(by_hand)


def test_the_advice_of_the_page_carries_the_load_with_one_percent_failing() -> None:
    small, smaller = work(48, 256, failing=True).seconds, work(16, 256, failing=True).seconds
    assert 4 * 10 / small >= 1_000, "parallelization_factor 10, batch_size 48"
    assert 25 * 10 / smaller >= 10_000, "a warm throughput of 25,000 units: 25 shards"
    assert 10_000 * smaller * 10 <= 3_000, "the concurrency of ten pipelines"
    hot_key = scale_model.PARTITION_UNITS / scale_figures.AUDIT_UNITS
    assert hot_key >= 6 * 10 / scale_figures.AUDITOR_SECONDS, "queue-mapping.maximum_concurrency 6"
    assert 200 * scale_figures.UPDATE_UNITS <= scale_model.PARTITION_UNITS, "--rate 200"
    assert 4 / work(100, 256, failing=True).seconds >= 100, "the defaults, up to 100 a second"


def _keys() -> Iterator[str]:
    """Yield each key of a section that the page names."""
    yield from re.findall(r"`([a-z]+(?:-[a-z]+)*\.[a-z_]+)(?:`|: )", PAGE)


@pytest.mark.parametrize("key", sorted(set(_keys())))
def test_every_key_of_the_page_is_one_of_the_config(key: str) -> None:
    section, _, name = key.partition(".")
    schema = Config.model_json_schema(by_alias=True)
    reference = schema["properties"][section]["$ref"].rpartition("/")[2]
    assert name in schema["$defs"][reference]["properties"]


def test_the_page_names_keys() -> None:
    assert len(set(_keys())) >= 6
