"""Many orders, some of them invalid, written to a pipeline, and checks of every place in which they can be."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from pipectl.aws.client import Aws
from pipectl.config.physical import PhysicalNames

SEED = 20261126
BATCH = 25
"""Items of one ``BatchWriteItem``: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""
WRITERS = 4
STUCK_SECONDS = 60.0
"""The time without an invocation after which no more is expected."""
POLL_SECONDS = 0.5


@dataclass
class SoakedOrders:
    """Orders of a pipeline, numbered from 0.

    Args:
        aws: The account and region of the pipeline.
        names: Its names.
        count: The number of orders.
        poison: The share of orders whose amount is no number.
    """

    aws: Aws
    names: PhysicalNames
    count: int
    poison: float = 0.01
    _started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def poisoned(self) -> set[int]:
        """The invalid orders."""
        chance = random.Random(SEED)  # noqa: S311 - not a secret
        return set(chance.sample(range(self.count), round(self.count * self.poison)))

    def write(self) -> None:
        """Write all orders."""
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(self._write, range(0, self.count, BATCH)))

    def _write(self, first: int) -> None:
        numbers = range(first, min(first + BATCH, self.count))
        items: Any = [{"PutRequest": {"Item": self._item(number)}} for number in numbers]
        while items:
            answer = self.aws.dynamodb.batch_write_item(RequestItems={self.names.orders_table: items})
            items = answer.get("UnprocessedItems", {}).get(self.names.orders_table)

    def _item(self, number: int) -> dict[str, Any]:
        amount = {"S": "twelve"} if number in self.poisoned else {"N": f"{number}.25"}
        return {"orderId": {"S": f"order-{number}"}, "amount": amount, "note": {"S": "x" * 100}}

    def wait_until_settled(self, seconds: float) -> None:
        """Wait until every order is stored or audited, or nothing has happened for a long time.

        Raises:
            TimeoutError: It takes longer.
        """
        seen, since, ends = -1, time.monotonic(), time.monotonic() + seconds
        while time.monotonic() < ends:
            if (now := sum(map(self.invocations, (self.names.processor, self.names.auditor)))) != seen:
                seen, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK_SECONDS or (not self.waiting() and self._settled()):
                return
            threading.Event().wait(POLL_SECONDS)
        raise TimeoutError(f"orders are still processed after {seconds:.0f} s")

    def _settled(self) -> bool:
        pages = self.aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.names.bucket, Prefix="processed-data/"
        )
        return self.audited().total() >= len(self.poisoned) and sum(page["KeyCount"] for page in pages) >= (
            self.count - len(self.poisoned)
        )

    def invocations(self, function: str, metric: str = "Invocations") -> int:
        """Return the sum of a metric of a function."""
        points = self.aws.cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": function}],
            StartTime=self._started - timedelta(minutes=1),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            Period=86_400,
            Statistics=["Sum"],
        )["Datapoints"]
        return int(sum(point["Sum"] for point in points))

    def processes(self, function: str) -> int:
        """Return the number of processes that were started for a function: each has its own log stream."""
        pages = self.aws.logs.get_paginator("describe_log_streams").paginate(logGroupName=f"/aws/lambda/{function}")
        return sum(len(page["logStreams"]) for page in pages)

    def waiting(self) -> int:
        """Return the number of messages in the dead-letter queue."""
        names: Any = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "Delayed", "NotVisible")]
        url = self.aws.sqs.get_queue_url(QueueName=self.names.queue)["QueueUrl"]
        return sum(
            map(int, self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())
        )

    def records(self) -> dict[int, tuple[str, str]]:
        """Return the id and the sequence number of each order's record in the stream."""
        table = self.aws.dynamodb.describe_table(TableName=self.names.orders_table)["Table"]
        found: dict[int, tuple[str, str]] = {}
        for record in self._records(table["LatestStreamArn"]):
            written = record["dynamodb"]
            number = int(written["Keys"]["orderId"]["S"].removeprefix("order-"))
            found[number] = record["eventID"], written["SequenceNumber"]
        return found

    def _records(self, stream: str) -> Iterator[Mapping[str, Any]]:
        streams = self.aws.streams
        for shard in streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
            iterator: str | None = streams.get_shard_iterator(
                StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            ).get("ShardIterator")
            while iterator:
                page = streams.get_records(ShardIterator=iterator)
                yield from page["Records"]
                iterator = page.get("NextShardIterator") if page["Records"] else None

    def versions(self, prefix: str) -> Counter[str]:
        """Return the number of versions and delete markers of each key under a prefix, without folder and ending."""
        found: Counter[str] = Counter()
        pages = self.aws.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.names.bucket, Prefix=f"{prefix}/"
        )
        for page in pages:
            for entry in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                found[entry["Key"].rpartition("/")[2].removesuffix(".json")] += 1
        return found

    def audited(self) -> Counter[tuple[str, str]]:
        """Return the number of failures in the audit table by their first and last sequence numbers."""
        found: Counter[tuple[str, str]] = Counter()
        for page in self.aws.dynamodb.get_paginator("scan").paginate(TableName=self.names.audit_table):
            for item in page["Items"]:
                stream = item["stream"]["M"]
                found[stream["startSequenceNumber"]["S"], stream["endSequenceNumber"]["S"]] += 1
        return found


@dataclass(frozen=True)
class Outcome:
    """Deviations from the expected state, in numbers of orders; all zero when it is right."""

    missing: int
    """Orders without an object."""
    doubled: int
    """Orders with several objects or versions."""
    unexpected: int
    """Objects of orders that must have none."""
    not_audited: int
    """Invalid orders that are not in the audit table, once and alone."""
    not_quarantined: int
    """Invalid orders without exactly one object in the quarantine."""
    waiting: int
    """Messages in the dead-letter queue."""


def outcome(orders: SoakedOrders, *, replayed: bool) -> Outcome:
    """Compare everything with the expected state.

    Args:
        orders: The orders.
        replayed: The invalid ones are stored, too.
    """
    records = orders.records()
    expected = {records[number][0] for number in range(orders.count) if replayed or number not in orders.poisoned}
    poison = [records[number][1] for number in orders.poisoned]
    stored, quarantined, audited = orders.versions("processed-data"), orders.versions("failed-data"), orders.audited()
    return Outcome(
        missing=len(expected - stored.keys()),
        doubled=sum(count > 1 for count in stored.values()),
        unexpected=len(stored.keys() - expected),
        not_audited=sum(audited[number, number] != 1 for number in poison),
        not_quarantined=sum(quarantined[number.rjust(40, "0")] != 1 for number in poison),
        waiting=orders.waiting(),
    )
