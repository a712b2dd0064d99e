"""`verify` of 20,000 records in 1, 4 and 40 shards.

The stream is a fake, whose calls take 10 ms each. Every record is stored. The shards are open; in a second run with 40,
all but four are closed ancestors of these, as after shards have rolled.
"""

from __future__ import annotations

import hashlib
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bench.report import Count, Figure, Section
from pipectl.clock import SystemClock
from pipectl.commands.verify import VerifyReport, verify
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.engine.model import Facts, Observation
from pipectl.facts import MappingFacts, QueueFacts, TableFacts
from pipectl.output.console import Screen
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize

CONFIG = Path(__file__).parent.parent / "config" / "dev.yaml"
RECORDS = 20_000
SECONDS = 0.01
PAGE = 1000
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/dev-orders-table-backend/stream/2026-01-01T00:00:00.000"


class Fake:
    """An AWS with a stream, a bucket that holds the object of each record, and nothing else."""

    def __init__(self, shards: int, opened: int, records: int) -> None:
        self.clock, self.region, self.account_id, self.partition = SystemClock(), "us-east-1", "123456789012", "aws"
        self.shards, self.opened, self.each = shards, opened, records // shards
        self.start = self.clock.now() - timedelta(hours=3)
        self.names = sorted(f"processed-data/{self.start:%Y/%m/%d}/{_id(number)}.json" for number in range(records))
        self.calls: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.streams = self.s3 = self.dynamodb = self.sqs = self.cloudwatch = self

    def now(self) -> Any:
        return self.clock.now()

    def require_account(self, expected: str | None) -> None: ...

    def call(self, operation: str) -> None:
        with self.lock:
            self.calls[operation] += 1
        time.sleep(SECONDS)

    def list_streams(self, **_: Any) -> Any:
        self.call("ListStreams")
        return {"Streams": [{"StreamArn": ARN}]}

    def describe_stream(self, **_: Any) -> Any:
        self.call("DescribeStream")
        shards = [self._shard(number) for number in range(self.shards)]
        return {"StreamDescription": {"Shards": shards, "StreamStatus": "ENABLED"}}

    def _shard(self, number: int) -> dict[str, Any]:
        ending = {} if number < self.opened else {"EndingSequenceNumber": f"{number:021}"}
        parent = {"ParentShardId": f"{number + self.opened}"} if number + self.opened < self.shards else {}
        return {"ShardId": f"{number}", "SequenceNumberRange": ending, **parent}

    def get_shard_iterator(self, *, ShardId: str, **_: Any) -> Any:  # noqa: N803
        self.call("GetShardIterator")
        return {"ShardIterator": f"{ShardId} 0"}

    def get_records(self, *, ShardIterator: str) -> Any:  # noqa: N803
        self.call("GetRecords")
        shard, at = map(int, ShardIterator.split())
        end = min(at + PAGE, self.each)
        more = {} if shard >= self.opened and end == self.each else {"NextShardIterator": f"{shard} {end}"}
        return {"Records": [self._record(shard * self.each + place) for place in range(at, end)], **more}

    def _record(self, number: int) -> dict[str, Any]:
        image = {"orderId": {"S": f"order-{number}"}, "amount": {"N": "12"}, "note": {"S": "x" * 200}}
        change = {
            "ApproximateCreationDateTime": self.start,
            "Keys": {"orderId": image["orderId"]},
            "NewImage": image,
            "SequenceNumber": f"{number:021}",
        }
        return {"eventID": _id(number), "eventName": "INSERT", "dynamodb": change}

    def get_paginator(self, operation: str) -> Any:
        assert operation == "get_metric_data"  # noqa: S101
        return SimpleNamespace(paginate=self._metrics)

    def _metrics(self, **_: Any) -> Iterator[Any]:
        self.call("GetMetricData")
        yield {"MetricDataResults": []}

    def list_objects_v2(self, *, Prefix: str, StartAfter: str, **_: Any) -> Any:  # noqa: N803
        self.call("ListObjectsV2")
        begin = max(bisect_left(self.names, Prefix), bisect_right(self.names, StartAfter))
        names = [name for name in self.names[begin : begin + PAGE] if name.startswith(Prefix)]
        following = self.names[begin + PAGE : begin + PAGE + 1]
        is_truncated = len(names) == PAGE and bool(following) and following[0].startswith(Prefix)
        return {"Contents": [{"Key": name} for name in names], "IsTruncated": is_truncated}

    def head_object(self, **_: Any) -> Any:
        self.call("HeadObject")
        return {}

    def query(self, **_: Any) -> Any:
        self.call("Query")
        return {"Items": []}

    def get_queue_attributes(self, *, AttributeNames: list[str], **_: Any) -> Any:  # noqa: N803
        self.call("GetQueueAttributes")
        return {"Attributes": dict.fromkeys(AttributeNames, "0")}


def _id(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


class FakeContext(Context):
    """A context whose resources all exist."""

    def require(self, keys: Any, **_: Any) -> dict[str, Observation]:
        facts: dict[str, Facts] = {
            ResourceKey.ORDERS_TABLE: TableFacts(ARN.partition("/stream/")[0], ARN),
            ResourceKey.DEAD_LETTER_QUEUE: QueueFacts("https://queue", "arn"),
            ResourceKey.STREAM_MAPPING: MappingFacts("uuid", "arn", "Enabled"),
        }
        return {key: Observation({}, self.pipeline.ownership, facts.get(key, Facts())) for key in keys}


def sections() -> Iterator[Section]:
    """Measure beside the calls one after the other."""
    figures, counts = [], []
    for shards, opened in ((1, 1), (4, 4), (40, 4), (40, 40)):
        seconds, report, calls = measure(shards, opened, RECORDS)
        if report.stored != RECORDS:
            raise RuntimeError(f"{report.stored} of {RECORDS} records were found")
        name = f"{pluralize(shards, 'shard')}, {opened} open"
        figures.append(Figure(name, seconds, calls.total() * SECONDS, "s", "its calls one after the other"))
        counts.append(Count(f"calls: {name}", calls.total()))
    text = f"{RECORDS:,} records, each with its object. Most calls are empty pages at the end of open shards."
    yield Section("By number of shards", text, figures, counts)


def measure(shards: int, opened: int, records: int) -> tuple[float, VerifyReport, Counter[str]]:
    fake = Fake(shards, opened, records)
    context = FakeContext(load(CONFIG), CONFIG, cast(Any, fake), Screen(quiet=True).progress)
    start = time.perf_counter()
    report = verify(context, fake.now() - timedelta(hours=24))
    return time.perf_counter() - start, report, fake.calls
