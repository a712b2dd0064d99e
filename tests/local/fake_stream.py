"""A stream of several shards in memory, with the calls that a poller makes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "GetRecords")


def record(number: int, padding: str = "") -> dict[str, Any]:
    return {
        "eventName": "INSERT",
        "dynamodb": {
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": datetime.now(UTC),
            "NewImage": {"padding": {"S": padding}},
        },
    }


@dataclass
class Shard:
    """``open`` shards may get more records; ``parent`` is the shard that was split."""

    records: list[dict[str, Any]] = field(default_factory=list)
    open: bool = True
    parent: str | None = None


@dataclass
class FakeStream:
    """A client of DynamoDB Streams. An iterator is ``shard/index``. ``reads`` are the times of GetRecords."""

    shards: dict[str, Shard]
    page: int = 1000
    per_description: int = 2
    errors: list[ClientError] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def describe_stream(self, *, StreamArn: str, ExclusiveStartShardId: str = "") -> dict[str, Any]:  # noqa: N803
        self._called("DescribeStream")
        assert StreamArn == ARN
        names = [name for name in sorted(self.shards) if name > ExclusiveStartShardId]
        described = [
            {"ShardId": name} | ({"ParentShardId": parent} if (parent := self.shards[name].parent) else {})
            for name in names[: self.per_description]
        ]
        more = {"LastEvaluatedShardId": described[-1]["ShardId"]} if len(names) > self.per_description else {}
        return {"StreamDescription": {"Shards": described, **more}}

    def get_shard_iterator(
        self,
        *,
        StreamArn: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        SequenceNumber: str = "",  # noqa: N803
    ) -> dict[str, Any]:
        self._called("GetShardIterator")
        assert StreamArn == ARN
        records = self.shards[ShardId].records
        numbers = [item["dynamodb"]["SequenceNumber"] for item in records]
        if ShardIteratorType == "AFTER_SEQUENCE_NUMBER":
            if SequenceNumber not in numbers:
                raise refused("TrimmedDataAccessException")
            return {"ShardIterator": f"{ShardId}/{numbers.index(SequenceNumber) + 1}"}
        return {"ShardIterator": f"{ShardId}/{0 if ShardIteratorType == 'TRIM_HORIZON' else len(records)}"}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:  # noqa: N803
        self.reads.append(time.monotonic())
        self._called("GetRecords")
        name, index = ShardIterator.split("/")
        shard, start = self.shards[name], int(index)
        found = shard.records[start : start + min(Limit, self.page)]
        end = start + len(found)
        more = {} if not shard.open and end >= len(shard.records) else {"NextShardIterator": f"{name}/{end}"}
        return {"Records": found, **more}

    def _called(self, name: str) -> None:
        with self.lock:
            self.calls.append(name)
            if self.errors:
                raise self.errors.pop(0)
