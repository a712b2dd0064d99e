"""The local emulator with AWS's delays: late metrics, old counts, empty pages, shards that are replaced."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.local.home import LocalEmulator
from tests.conftest import HARSH
from tests.local.small_pipeline import Pipeline, eventually
from tests.local.test_emulator import ORDERS, failures, ranges
from tests.support import THOROUGH

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("harsh")]


def shards(pipeline: Pipeline) -> list[dict[str, Any]]:
    streams = pipeline.client("dynamodbstreams")
    described = streams.describe_stream(StreamArn=pipeline.stream_arn)["StreamDescription"]
    found: list[dict[str, Any]] = described["Shards"]
    return found


def read(pipeline: Pipeline, shard: dict[str, Any]) -> tuple[list[str], int]:
    """Return the keys of all records of a closed shard, and the number of its empty pages."""
    streams = pipeline.client("dynamodbstreams")
    iterator = streams.get_shard_iterator(
        StreamArn=pipeline.stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    keys, empty = [], 0
    while iterator:
        page = streams.get_records(ShardIterator=iterator, Limit=3)
        keys += [record["dynamodb"]["Keys"]["orderId"]["S"] for record in page["Records"]]
        empty += not page["Records"]
        iterator = page.get("NextShardIterator")
    return keys, empty


def test_all_records_are_processed_while_shards_are_replaced(emulator_harsh: LocalEmulator) -> None:
    pipeline = Pipeline(emulator_harsh, handler="def handler(event, context): return {}", mapping={"BatchSize": 1})
    generations = 2 if THOROUGH else 1
    orders = [f"order-{number}" for number in range(generations * HARSH.roll_after + 5)]
    pipeline.put(*orders)
    assert len(shards(pipeline)) == 4 * (generations + 1)
    count = eventually(lambda: pipeline.metric("Invocations"), lambda found: found >= len(orders), seconds=60)
    assert count == len(orders)
    assert pipeline.metric("IteratorAge", statistic="SampleCount") <= count
    # The stream outlives its table, with all shards closed.
    pipeline.client("dynamodb").delete_table(TableName="orders")
    assert [stream["StreamArn"] for stream in pipeline.client("dynamodbstreams").list_streams()["Streams"]] == [
        pipeline.stream_arn
    ]
    everything = [read(pipeline, shard) for shard in shards(pipeline)]
    assert sorted(key for keys, _ in everything for key in keys) == sorted(orders)
    assert sum(empty for _, empty in everything) > 0


def test_metrics_are_late_and_have_the_time_of_the_invocation(emulator_harsh: LocalEmulator) -> None:
    pipeline = Pipeline(emulator_harsh, handler="def handler(event, context): return {}", mapping={"Enabled": False})
    functions = pipeline.client("lambda")
    functions.invoke(FunctionName="processor")
    assert pipeline.metric("Invocations") == 0
    assert eventually(lambda: pipeline.metric("Invocations")) == 1
    functions.put_function_concurrency(FunctionName="processor", ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException) as raised:
        functions.invoke(FunctionName="processor")
    attempts = raised.value.response["ResponseMetadata"]["RetryAttempts"] + 1
    assert eventually(lambda: pipeline.metric("Throttles"), lambda found: found >= attempts) == attempts
    assert pipeline.metric("Invocations") == 1


def test_counts_of_a_queue_are_old(emulator_harsh: LocalEmulator) -> None:
    pipeline = Pipeline(emulator_harsh, mapping={"Enabled": False})
    sqs = pipeline.client("sqs")

    def count() -> int:
        names = ["ApproximateNumberOfMessages"]
        return int(sqs.get_queue_attributes(QueueUrl=pipeline.queue_url, AttributeNames=names)["Attributes"][names[0]])

    sqs.send_message(QueueUrl=pipeline.queue_url, MessageBody="a failure")
    assert count() == 0
    assert eventually(count) == 1


def test_failures_of_one_batch_are_consolidated(emulator_harsh: LocalEmulator) -> None:
    pipeline = Pipeline(emulator_harsh)
    pipeline.put_at_once(*ORDERS, poison=(ORDERS[3], ORDERS[8]))
    [(first, last, size)] = ranges(failures(pipeline, 1))
    assert first < last
    assert size == 6
