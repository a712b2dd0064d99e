"""Streams as AWS has them: several shards that roll, empty pages, and streams of deleted tables."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.faults.faulty_aws import error

RETENTION = timedelta(hours=24)
FIRST_SHARDS = 4
"""Shards of a new on-demand table."""
_KEYS = 2**32


@dataclass
class Shard:
    """A shard: its records in order. It takes the keys whose hash lies between ``low`` and ``high``."""

    shard_id: str
    low: int
    high: int
    parent: str | None = None
    closed: bool = False
    records: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Stream:
    """A stream of one table.

    Args:
        arn: Its ARN.
        enabled: False once the stream is switched off or its table is deleted: then all shards are closed.
    """

    arn: str
    enabled: bool = True
    shards: dict[str, Shard] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(FIRST_SHARDS):
            self._add(number * _KEYS // FIRST_SHARDS, (number + 1) * _KEYS // FIRST_SHARDS, None)

    def shard_of(self, key: str) -> Shard:
        """Return the open shard that takes the records of a key."""
        place = zlib.crc32(key.encode())
        return next(each for each in self.shards.values() if not each.closed and each.low <= place < each.high)

    def roll(self, *, split: bool = False) -> None:
        """Close every open shard; one child follows it, or two that share its keys."""
        for shard in [each for each in self.shards.values() if not each.closed]:
            shard.closed = True
            middle = (shard.low + shard.high) // 2 if split else shard.high
            self._add(shard.low, middle, shard.shard_id)
            if split:
                self._add(middle, shard.high, shard.shard_id)

    def switch_off(self) -> None:
        self.enabled = False
        for shard in self.shards.values():
            shard.closed = True

    def describe(self, table: str) -> dict[str, Any]:
        """Return what DescribeStream answers."""
        shards = []
        for shard in self.shards.values():
            numbers = {"StartingSequenceNumber": f"{1:021}"}
            if shard.closed:
                numbers["EndingSequenceNumber"] = f"{9:021}"
            parent = {"ParentShardId": shard.parent} if shard.parent else {}
            shards.append({"ShardId": shard.shard_id, "SequenceNumberRange": numbers, **parent})
        return {
            "StreamArn": self.arn,
            "StreamLabel": self.arn.rpartition("/")[2],
            "StreamStatus": "ENABLED" if self.enabled else "DISABLED",
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "TableName": table,
            "Shards": shards,
        }

    def _add(self, low: int, high: int, parent: str | None) -> None:
        shard_id = f"shardId-{len(self.shards):020}-00000000"
        self.shards[shard_id] = Shard(shard_id, low, high, parent)


class StreamApi:
    """GetShardIterator and GetRecords, with empty pages before each page of records.

    Args:
        streams: The streams, by ARN.
        seed: Decides the number of empty pages, and the size of the pages; the order of the calls does not.
        empty_pages: The greatest number of empty pages in a row.
    """

    def __init__(self, streams: Mapping[str, Stream], seed: int, empty_pages: int) -> None:
        self._streams = streams
        self._seed = seed
        self._empty_pages = empty_pages
        self.pages = 0

    def iterator(self, params: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        shard = self._shard(params["StreamArn"], params["ShardId"])
        kind = params["ShardIteratorType"]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in shard.records]
        trimmed = _trimmed(shard, now)
        if kind == "TRIM_HORIZON":
            position = trimmed
        elif kind == "LATEST":
            position = len(numbers)
        else:
            wanted = int(params["SequenceNumber"])
            position = sum(int(number) < wanted + (kind == "AFTER_SEQUENCE_NUMBER") for number in numbers)
            if position < trimmed:
                raise error("TrimmedDataAccessException", "The requested data is older than the trim horizon.")
        return {"ShardIterator": self._token(params["StreamArn"], shard.shard_id, position)}

    def records(self, token: str, now: datetime) -> dict[str, Any]:
        self.pages += 1
        arn, shard_id, *numbers = token.split("|")
        position, empty = map(int, numbers)
        shard = self._shard(arn, shard_id)
        position = max(position, _trimmed(shard, now))
        if empty and (position < len(shard.records) or not shard.closed):
            return {"Records": [], "NextShardIterator": f"{arn}|{shard_id}|{position}|{empty - 1}"}
        page = shard.records[position : position + self._random(shard_id, position, 1, 5)]
        position += len(page)
        if shard.closed and position == len(shard.records):
            return {"Records": page}
        return {"Records": page, "NextShardIterator": self._token(arn, shard_id, position)}

    def _token(self, arn: str, shard_id: str, position: int) -> str:
        return f"{arn}|{shard_id}|{position}|{self._random(shard_id, position, 0, self._empty_pages)}"

    def _random(self, shard_id: str, position: int, least: int, most: int) -> int:
        return random.Random(f"{self._seed} {shard_id} {position}").randint(least, most)

    def _shard(self, arn: str, shard_id: str) -> Shard:
        if arn not in self._streams:
            raise error("ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found")
        return self._streams[arn].shards[shard_id]


def _trimmed(shard: Shard, now: datetime) -> int:
    return sum(record["dynamodb"]["ApproximateCreationDateTime"] < now - RETENTION for record in shard.records)
