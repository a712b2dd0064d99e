"""A pipeline with very many records and failures, generated on demand, that counts what is read of it.

Its orders were written over 20 hours. The processor stored most of them; every n-th one failed, is quarantined, and has
an open failure. The calls take a time that is given.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from pipectl.aws.client import Aws
from pipectl.clock import Clock
from pipectl.engine.model import Observation
from pipectl.errors import AbsentError
from pipectl.facts import TableFacts
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import rfc3339_milliseconds
from tests.commands.audit_items import audit_item
from tests.failures.commanding import FakeContext, config
from tests.failures.fakes import STREAM_ARN, aws_error
from tests.support import ACCOUNT, DEV_CONFIG, REGION, FakeClock, Recorder

PERIOD = timedelta(hours=20)
_FIRST, _STEP = 10**20, 1009
_TYPES = ("RetryAttemptsExhausted", "RecordAgeExceeded")
_MEGABYTE = 1_000_000
_ITEM_SIZE = 2000
"""Bytes of an audit item: with 1 KB of a message's body."""


@dataclass
class Read:
    """Counts of the calls, and of all that they read, returned or not.

    Attributes:
        calls: Their number by operation.
        items: Audit items that queries went through.
        whole_items: Those that were returned with all their attributes.
        keys: Keys of objects that were listed.
        objects: Objects that were read.
        records: Records of the stream.
    """

    calls: Counter[str] = field(default_factory=Counter)
    items: int = 0
    whole_items: int = 0
    keys: int = 0
    objects: int = 0
    records: int = 0


class LargePipeline:
    """An AWS with one pipeline.

    Args:
        records: Number of orders, each written once.
        failures: Number of them that failed.
        clock: The time; the present is its beginning.
        seconds: Duration of a call.
        shards: Number of open shards.
        stored: The processor stored the other ones.
    """

    def __init__(
        self,
        records: int,
        failures: int,
        *,
        clock: Clock | None = None,
        seconds: float = 0.0,
        shards: int = 4,
        stored: bool = True,
    ) -> None:
        self.clock = clock or FakeClock()
        self.account_id, self.region, self.partition = ACCOUNT, REGION, "aws"
        self.seconds, self.shards, self.records = seconds, shards, records
        self.present = self.clock.now()
        self.step = PERIOD / max(records, 1)
        self.every = records // failures if failures else 0
        self.failed = range(0, records, self.every)[:failures] if failures else range(0)
        self.stored = sorted(self.object_key(n) for n in range(records) if n not in self.failed) if stored else []
        self.by_key = {audit_id(self.shard_of(n), self.number(n)): n for n in self.failed}
        self.read = Read()
        self._lock = threading.Lock()
        self.streams = self.s3 = self.dynamodb = self.sqs = self.logs = self.cloudwatch = self.lambda_ = self
        self._partitions = {name: self.failed[place :: len(_TYPES)] for place, name in enumerate(_TYPES)}
        self._partitions["yes"] = self.failed

    @property
    def aws(self) -> Aws:
        return cast(Aws, self)

    def now(self) -> Any:
        return self.present

    def require_account(self, expected: str | None) -> None: ...

    # the data

    def written_at(self, number: int) -> Any:
        return self.present - PERIOD + number * self.step - timedelta(minutes=30)

    def number(self, number: int) -> str:
        return f"{_FIRST + number * _STEP}"

    def shard_of(self, number: int) -> str:
        return f"shardId-{number % self.shards:020}-0"

    def object_key(self, number: int) -> str:
        return f"processed-data/{self.written_at(number):%Y/%m/%d}/{event_id(number)}.json"

    def quarantine_key(self, number: int) -> str:
        return f"failed-data/{STREAM_ARN.rpartition('/')[2]}/{self.number(number):0>40}.json"

    def record(self, number: int) -> dict[str, Any]:
        image = {"orderId": {"S": f"order-{number}"}, "amount": {"N": "12"}, "note": {"S": "x" * 200}}
        return {
            "eventID": event_id(number),
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": self.written_at(number).replace(microsecond=0),
                "Keys": {"orderId": image["orderId"]},
                "NewImage": image,
                "SequenceNumber": self.number(number),
            },
        }

    def failed_at(self, number: int) -> str:
        return rfc3339_milliseconds(self.written_at(number) + timedelta(minutes=5))

    def item(self, number: int) -> dict[str, Any]:
        written = self.written_at(number)
        return audit_item(
            audit_id(self.shard_of(number), self.number(number)),
            written + timedelta(minutes=5),
            _TYPES[number // self.every % len(_TYPES)],
            first=self.number(number),
            arrival=written,
            shard=self.shard_of(number),
            body="x" * 1000,
        )

    # DynamoDB

    def query(self, **request: Any) -> dict[str, Any]:
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        if "IndexName" not in request:
            with self._call("Query", items=1):
                found = self.by_key.get(values[":id"])
                return {"Items": [self.item(found)] if found is not None else []}
        numbers: Sequence[int] = self._partitions.get(values[":partition"], range(0))
        first = bisect_left(numbers, values.get(":since", ""), key=self.failed_at)
        last = bisect_right(numbers, values.get(":until", "~"), key=self.failed_at)
        numbers = numbers[first:last] if request["ScanIndexForward"] else numbers[first:last][::-1]
        if after := request.get("ExclusiveStartKey"):
            behind = self.by_key[after["auditId"]["S"]]
            numbers = numbers[numbers.index(behind) + 1 :]
        size = min(_MEGABYTE // _ITEM_SIZE, request.get("Limit", len(numbers)))
        page = numbers[:size]
        answer = self._answer(request, page)
        with self._call("Query", items=len(page)):
            if len(numbers) > size:
                key = {name: self.item(page[-1])[name] for name in ("auditId", "timestamp")}
                answer["LastEvaluatedKey"] = key
            return answer

    def _answer(self, request: dict[str, Any], page: Sequence[int]) -> dict[str, Any]:
        if ":mark" in request["ExpressionAttributeValues"]:
            page = ()  # all have the mark
        if prefix := request["ExpressionAttributeValues"].get(":prefix"):
            page = [n for n in page if audit_id(self.shard_of(n), self.number(n)).startswith(prefix["S"])]
        if request.get("Select") == "COUNT":
            return {"Count": len(page), "Items": []}
        items = map(self.item, page)
        whole = "ProjectionExpression" not in request
        with self._lock:
            self.read.whole_items += len(page) if whole else 0
        if projection := request.get("ProjectionExpression"):
            names = request.get("ExpressionAttributeNames", {})
            wanted = {names.get(name, name) for name in projection.replace(" ", "").split(",")}
            items = ({name: item[name] for name in wanted if name in item} for item in items)  # type: ignore[assignment]
        return {"Items": list(items), "Count": len(page)}

    def get_item(self, *, Key: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
        with self._call("GetItem"):
            number = int(Key["orderId"]["S"].removeprefix("order-"))
            return {"Item": self.record(number)["dynamodb"]["NewImage"]} if number < self.records else {}

    # the stream

    def list_streams(self, **_: Any) -> dict[str, Any]:
        with self._call("ListStreams"):
            return {"Streams": [{"StreamArn": STREAM_ARN}]}

    def describe_stream(self, **_: Any) -> dict[str, Any]:
        with self._call("DescribeStream"):
            shards = [{"ShardId": self.shard_of(n), "SequenceNumberRange": {}} for n in range(self.shards)]
            return {"StreamDescription": {"Shards": shards, "StreamStatus": "ENABLED"}}

    def get_shard_iterator(self, *, ShardId: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        with self._call("GetShardIterator"):
            return {"ShardIterator": ShardId.split("-")[1]}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        start = int(ShardIterator)
        page = range(start, self.records, self.shards)[:1000]
        with self._call("GetRecords", records=len(page)):
            following = page[-1] + self.shards if page else start
            return {"Records": list(map(self.record, page)), "NextShardIterator": str(following)}

    # S3

    def get_paginator(self, operation: str) -> Any:
        pages = {"list_objects_v2": self._objects, "get_metric_data": self._metrics}
        return SimpleNamespace(paginate=pages.get(operation, self._no_events))

    def _objects(self, **request: Any) -> Iterator[dict[str, Any]]:
        page: dict[str, Any] = {"IsTruncated": True}
        while page["IsTruncated"]:
            page = self.list_objects_v2(**request)
            request["StartAfter"] = page["Contents"][-1]["Key"] if page["Contents"] else ""
            yield page

    def list_objects_v2(self, *, Prefix: str, StartAfter: str = "", **_: Any) -> dict[str, Any]:  # noqa: N803
        keys: Any = self.quarantined() if Prefix.startswith("failed-data/") else self.stored
        place = max(bisect_left(keys, Prefix), bisect_right(keys, StartAfter))
        page = [key for key in keys[place : place + 1000] if key.startswith(Prefix)]
        with self._call("ListObjectsV2", keys=len(page)):
            more = keys[place + 1000 : place + 1001]
            is_truncated = len(page) == 1000 and bool(more) and more[0].startswith(Prefix)
            return {"IsTruncated": is_truncated, "Contents": [{"Key": key, "ETag": "e", "Size": 500} for key in page]}

    def quarantined(self) -> list[str]:
        """Return the keys of the quarantine. They are made at the first call."""
        return _quarantine_keys(self)

    def head_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        with self._call("HeadObject"):
            if self.stored[bisect_left(self.stored, Key) :][:1] != [Key]:
                raise aws_error("404", "s3", AbsentError)
            return {}

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        with self._call("GetObject", objects=1):
            if Key.startswith("failed-data/"):
                number = (int(Key[-45:-5]) - _FIRST) // _STEP
                if number not in self.failed:
                    raise aws_error("NoSuchKey", "s3")
                body = json.dumps(self._quarantine_body(number), default=str).encode()
            elif self.stored[bisect_left(self.stored, Key) :][:1] == [Key]:
                body = b"{}"
            else:
                raise aws_error("NoSuchKey", "s3")
            return {"Body": io.BytesIO(body), "ContentLength": len(body), "LastModified": self.present}

    def _quarantine_body(self, number: int) -> dict[str, Any]:
        record = self.record(number)
        record["dynamodb"]["ApproximateCreationDateTime"] = int(self.written_at(number).timestamp())
        failure = {"reason": f"InvalidOrderError: bad order {number}", "failedAt": self.failed_at(number)}
        return {"record": {**record, "eventSourceARN": STREAM_ARN}, "failure": failure}

    # the rest

    def _metrics(self, **_: Any) -> Iterator[dict[str, Any]]:
        with self._call("GetMetricData"):
            yield {"MetricDataResults": []}

    def _no_events(self, **_: Any) -> Iterator[dict[str, Any]]:
        with self._call("FilterLogEvents"):
            yield {"events": []}

    def get_queue_attributes(self, *, AttributeNames: list[str], **_: Any) -> dict[str, Any]:  # noqa: N803
        with self._call("GetQueueAttributes"):
            return {"Attributes": dict.fromkeys(AttributeNames, "0")}

    def _call(self, operation: str, **amounts: int) -> _Call:
        with self._lock:
            self.read.calls[operation] += 1
            for name, amount in amounts.items():
                setattr(self.read, name, getattr(self.read, name) + amount)
        return _Call(self)


class LargeContext(FakeContext):
    """A context whose resources all exist."""

    def require(
        self, keys: Collection[str], *, or_absent: Collection[str] = (), whole: Collection[str] = ()
    ) -> dict[str, Observation]:
        orders = Observation({}, self.pipeline.ownership, TableFacts(STREAM_ARN.partition("/stream/")[0], STREAM_ARN))
        found = super().require(keys, or_absent=or_absent, whole=whole)
        return found | ({ResourceKey.ORDERS_TABLE: orders} if ResourceKey.ORDERS_TABLE in found else {})

    @classmethod
    def of(cls, pipeline: LargePipeline) -> LargeContext:
        return cls(config(), DEV_CONFIG, pipeline.aws, Recorder())


class _Call:
    def __init__(self, pipeline: LargePipeline) -> None:
        self._pipeline = pipeline

    def __enter__(self) -> None:
        if self._pipeline.seconds:
            self._pipeline.clock.sleep(self._pipeline.seconds)

    def __exit__(self, *_: object) -> None: ...


def event_id(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


def audit_id(shard: str, number: str) -> str:
    """Return the id that the auditor writes for a range of one record."""
    return hashlib.sha256(f"{STREAM_ARN}\n{shard}\n{number}\n{number}".encode()).hexdigest()[:32]


@cache
def _quarantine_keys(pipeline: LargePipeline) -> list[str]:
    return [pipeline.quarantine_key(number) for number in pipeline.failed]
