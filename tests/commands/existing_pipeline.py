"""A pipeline on moto, without the parts that moto does not model: triggers, and the condition of the bucket policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto import mock_aws
from moto.dynamodb import dynamodb_backends
from moto.sqs import sqs_backends

from pipectl.aws.stream_records import EventRecord, event_record
from pipectl.clock import Clock
from pipectl.failures.model import object_key, written_at
from tests.commands.audit_items import audit_item
from tests.moto_snapshot import create_pipeline
from tests.support import ACCOUNT, REGION, World, make_world


@contextmanager
def existing(folder: Path, clock: Clock) -> Iterator[World]:
    with mock_aws():
        world = make_world(folder, clock=clock)
        create_pipeline(world)
        names = world.context().pipeline.physical
        world.aws.s3.delete_bucket_policy(Bucket=names.bucket)
        dynamodb_backends[ACCOUNT][REGION].tables[names.orders_table].lambda_event_source_mappings.clear()
        sqs_backends[ACCOUNT][REGION].queues[names.queue].lambda_event_source_mappings.clear()
        world.calls.clear()
        yield world


def write(world: World, *orders: str) -> list[Any]:
    """Write orders. Return the records of all orders, each with its shard."""
    names, streams = world.context().pipeline.physical, world.aws.streams
    for order in orders:
        world.aws.dynamodb.put_item(TableName=names.orders_table, Item={"orderId": {"S": order}})
    arn = world.aws.dynamodb.describe_table(TableName=names.orders_table)["Table"]["LatestStreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    page = streams.get_records(ShardIterator=iterator["ShardIterator"])
    world.calls.clear()
    return [{**event_record(record, arn), "shard": shard} for record in page["Records"]]


def store(world: World, *records: EventRecord, body: bytes = b"{}") -> None:
    """Write the objects of records."""
    for record in records:
        key = object_key(world.config.bucket.prefix, record)
        world.aws.s3.put_object(Bucket=world.context().pipeline.physical.bucket, Key=key, Body=body)
    world.calls.clear()


def fail(world: World, first: Any, last: Any, **changes: Any) -> str:
    """Audit a failure of the records from ``first`` to ``last``. Return its id."""
    numbers = [record["dynamodb"]["SequenceNumber"] for record in (first, last)]
    item = audit_item(
        f"failure-{numbers[0]}-{numbers[1]}",
        changes.pop("at", world.aws.clock.now()),
        first=numbers[0],
        last=numbers[1],
        stream=first["eventSourceARN"],
        shard=first["shard"],
        **{"arrival": written_at(first), "last_arrival": written_at(last)} | changes,
    )
    put_audit_items(world, item)
    return str(item["auditId"]["S"])


def put_audit_items(world: World, *items: dict[str, Any]) -> None:
    for item in items:
        world.aws.dynamodb.put_item(TableName=world.context().pipeline.physical.audit_table, Item=item)
    world.calls.clear()
