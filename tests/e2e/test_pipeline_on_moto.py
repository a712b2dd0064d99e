"""The whole way of an order on moto: `up`, items, stream records given to the handlers, `down`.

moto executes no function, and a table with a mapping, even a disabled one, tries to invoke on every write and loses
its stream; so once `up` has made the mappings, moto's own triggers are taken off, and the test carries the records and
the messages. It also heeds no condition of a bucket policy, so the denial of plain http would deny everything, and is
taken off too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from moto import mock_aws
from moto.dynamodb import dynamodb_backends
from moto.sqs import sqs_backends

from pipectl.aws.stream_records import event_record
from pipectl.commands.down import down
from pipectl.commands.outputs import outputs
from pipectl.commands.status import State, status
from pipectl.config.physical import PhysicalNames
from pipectl.engine.model import Action
from pipectl.errors import DataLossError
from pipectl.timestamps import rfc3339, rfc3339_milliseconds
from tests.lambda_src.loading import load
from tests.moto_snapshot import create_pipeline
from tests.support import ACCOUNT, REGION, FakeClock, World, make_world, yes

PROCESSOR = load("processor")
AUDITOR = load("auditor")


@dataclass(frozen=True)
class LambdaContext:
    function_name: str
    aws_request_id: str


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mock_aws():
        world = make_world(tmp_path, clock=FakeClock())
        create_pipeline(world)
        world.aws.s3.delete_bucket_policy(Bucket=_names(world).bucket)
        names = _names(world)
        dynamodb_backends[ACCOUNT][REGION].tables[names.orders_table].lambda_event_source_mappings.clear()
        sqs_backends[ACCOUNT][REGION].queues[names.queue].lambda_event_source_mappings.clear()
        yield world


def _names(world: World) -> PhysicalNames:
    return world.context().pipeline.physical


def _stream_event(world: World) -> dict[str, Any]:
    """Return every record of the orders table's stream, in the form of Lambda events."""
    stream = outputs(world.context())["OrdersTableStreamArn"]
    streams = world.aws.streams
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    page = streams.get_records(ShardIterator=iterator["ShardIterator"])
    return {"Records": [event_record(record, stream) for record in page["Records"]]}


def _process(world: World, event: dict[str, Any]) -> Any:
    config, names = world.config, _names(world)
    processor = PROCESSOR.Processor(_client("s3"), names.bucket, config.bucket.prefix, config.bucket.failed_prefix)
    return processor.process(event, LambdaContext(names.processor, "request-1"))


def _write_orders(world: World) -> None:
    table, dynamodb = _names(world).orders_table, world.aws.dynamodb
    dynamodb.put_item(
        TableName=table,
        Item={
            "orderId": {"S": "order-1"},
            "amount": {"N": "12345678901234567890123456789012345678"},
            "lines": {"L": [{"M": {"sku": {"S": "A"}, "count": {"N": "2"}}}]},
            "gift": {"BOOL": False},
            "note": {"NULL": True},
            "label": {"B": b"\x00\xff"},
            "colours": {"SS": ["blue", "red"]},
            "comment": {"S": ""},
        },
    )
    dynamodb.update_item(
        TableName=table,
        Key={"orderId": {"S": "order-1"}},
        UpdateExpression="SET amount = :amount",
        ExpressionAttributeValues={":amount": {"N": "0.1"}},
    )
    dynamodb.put_item(TableName=table, Item={"orderId": {"S": "order-2"}, "amount": {"N": "7"}})
    dynamodb.delete_item(TableName=table, Key={"orderId": {"S": "order-2"}})


def _objects(world: World, prefix: str) -> dict[str, Any]:
    s3, bucket = world.aws.s3, _names(world).bucket
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}


def test_every_version_of_an_order_is_stored_field_by_field(world: World) -> None:
    _write_orders(world)
    event = _stream_event(world)
    assert _process(world, event) == {"batchItemFailures": []}

    objects = _objects(world, "processed-data")
    inserted, updated, second, removed = event["Records"]
    assert removed["eventName"] == "REMOVE"
    assert set(objects) == {_key(record) for record in (inserted, updated, second)}

    stored = json.loads(objects[_key(updated)], parse_float=Decimal, parse_int=Decimal)
    processed_at = stored["metadata"].pop("processedAt")
    assert processed_at.endswith("Z")
    assert stored["metadata"] == {
        "recordId": updated["eventID"],
        "status": "PROCESSED",
        "eventName": "MODIFY",
        "sequenceNumber": updated["dynamodb"]["SequenceNumber"],
        "createdAt": PROCESSOR.iso(PROCESSOR.created_at(updated)),
        "source": updated["eventSourceARN"],
        "functionName": "dev-order-processor-lambda-backend",
        "requestId": "request-1",
    }
    assert stored["keys"] == {"orderId": "order-1"}
    unchanged = {
        "orderId": "order-1",
        "lines": [{"sku": "A", "count": Decimal(2)}],
        "gift": False,
        "note": None,
        "label": "AP8=",
        "colours": ["blue", "red"],
        "comment": "",
    }
    assert stored["newImage"] == {**unchanged, "amount": Decimal("0.1")}
    assert stored["oldImage"] == {**unchanged, "amount": Decimal(12345678901234567890123456789012345678)}
    first = json.loads(objects[_key(inserted)], parse_int=str)
    assert first["newImage"]["amount"] == "12345678901234567890123456789012345678"
    assert first["oldImage"] is None


def test_processing_twice_leaves_one_version_of_each_object(world: World) -> None:
    _write_orders(world)
    event = _stream_event(world)
    _process(world, event)
    _process(world, event)
    versions = world.aws.s3.list_object_versions(Bucket=_names(world).bucket)["Versions"]
    assert len(versions) == len({version["Key"] for version in versions}) == 3


def test_a_failed_batch_is_audited_and_found_through_the_index(world: World) -> None:
    names = _names(world)
    world.aws.dynamodb.put_item(
        TableName=names.orders_table, Item={"orderId": {"S": "order-3"}, "amount": {"S": "twelve"}}
    )
    event = _stream_event(world)
    with pytest.raises(PROCESSOR.BatchError, match="order-3"):
        _process(world, event)
    (poison,) = event["Records"]
    quarantined = _objects(world, "failed-data")
    (kept,) = [json.loads(body) for body in quarantined.values()]
    assert kept["record"] == poison
    assert kept["failure"]["reason"] == 'InvalidOrderError: amount must be a number, got "twelve"'

    body, now = json.dumps(_failure_message(world, poison)), datetime.now(UTC)
    world.aws.sqs.send_message(QueueUrl=outputs(world.context())["DeadLetterQueueUrl"], MessageBody=body)
    assert _audit(world) == {"batchItemFailures": []}

    found = world.aws.dynamodb.query(
        TableName=names.audit_table,
        IndexName="failure-type-index",
        KeyConditionExpression="failureType = :type AND #at BETWEEN :from AND :to",
        ExpressionAttributeNames={"#at": "timestamp"},
        ExpressionAttributeValues={
            ":type": {"S": "RetryAttemptsExhausted"},
            ":from": {"S": rfc3339(now - timedelta(minutes=5))},
            ":to": {"S": rfc3339(now + timedelta(minutes=5))},
        },
    )["Items"]
    (item,) = found
    assert item["requestId"] == {"S": "request-9"}
    assert item["functionArn"]["S"].endswith(names.processor)
    assert item["replayStatus"] == {"S": "OPEN"}
    assert item["stream"]["M"]["startSequenceNumber"] == {"S": poison["dynamodb"]["SequenceNumber"]}
    assert item["stream"]["M"]["arn"] == {"S": poison["eventSourceARN"]}
    assert item["message"]["M"]["body"] == {"S": body}


def test_down_asks_about_data_then_leaves_nothing(world: World) -> None:
    _write_orders(world)
    _process(world, _stream_event(world))
    world.writes()
    with pytest.raises(DataLossError, match="bucket: 3 object versions"):
        down(world.context(), yes)
    assert world.writes() == []

    report = down(world.context(), yes, delete_data=True)
    assert {change.action for change in report.changes} == {Action.DELETE}
    assert {each.state for each in status(world.context()).resources} == {State.MISSING}
    assert down(world.context(), yes).changes == ()


def _client(service: Literal["s3", "dynamodb"]) -> Any:
    """Return a boto3 client without pipectl's retries, like those of the handlers."""
    return boto3.client(service, region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="test")


def _key(record: dict[str, Any]) -> str:
    day = PROCESSOR.created_at(record).strftime("%Y/%m/%d")
    return f"processed-data/{day}/{record['eventID']}.json"


def _audit(world: World) -> Any:
    """Receive messages, invoke the auditor and delete the messages, like the queue mapping."""
    url = outputs(world.context())["DeadLetterQueueUrl"]
    received = world.aws.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["SentTimestamp"]
    )
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }
        for message in received["Messages"]
    ]
    auditor = AUDITOR.Auditor(_client("dynamodb"), _names(world).audit_table)
    return auditor.audit({"Records": records}, LambdaContext(_names(world).auditor, "request-2"))


def _failure_message(world: World, record: dict[str, Any]) -> dict[str, Any]:
    """Return the message of an on-failure destination, in the form that AWS documents."""
    function_arn = outputs(world.context())["ProcessorFunctionArn"]
    return {
        "requestContext": {
            "requestId": "request-9",
            "functionArn": function_arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": rfc3339_milliseconds(datetime.now(UTC)),
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001573689847184-864758bb",
            "startSequenceNumber": record["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": record["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": "2026-11-14T00:13:19Z",
            "approximateArrivalOfLastRecord": "2026-11-14T00:13:19Z",
            "batchSize": 1,
            "streamArn": record["eventSourceARN"],
        },
    }
