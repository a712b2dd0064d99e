"""Shards of a DynamoDB stream in memory: which records they have, what a page of them is. Pure.

MiniStack 1.5.33 has one shard for each stream. Here its records are spread by their keys over four shards. All shards
can be closed and continued by children, as on AWS every few hours: the records of a key stay in their order from parent
to child.
"""

from __future__ import annotations

import hashlib
import json
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipectl.local.harshness import SHARDS

StreamRecord = Mapping[str, Any]
"""A record as ``GetRecords`` answers it."""

MAX_PAGE = 1000
MAX_PAGE_BYTES = 1024 * 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html"""
RETENTION_SECONDS = 24 * 3600
_COUNTER_DIGITS = 10
"""MiniStack's sequence numbers end with a counter of this length; the time in milliseconds is before it."""


def slot_of(keys: Mapping[str, Any]) -> int:
    """Return the number of the shard that the records of an item are in."""
    return hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).digest()[0] % SHARDS


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in memory. Its text takes a fraction of the memory of its values, and is what a page is made of."""

    number: str
    created: float
    text: str

    @classmethod
    def of(cls, record: StreamRecord) -> Kept:
        """Return a record to keep."""
        written = record["dynamodb"]
        return cls(str(written["SequenceNumber"]), float(written["ApproximateCreationDateTime"]), json.dumps(record))


@dataclass
class Shard:
    """A shard. Positions count its records from the first one ever, so they stay the same when records expire."""

    shard_id: str
    slot: int
    start: str
    parent: str | None = None
    end: str | None = None
    records: list[Kept] = field(default_factory=list)
    trimmed: int = 0

    @property
    def next_position(self) -> int:
        """The position of the next record."""
        return self.trimmed + len(self.records)

    def close(self) -> None:
        """End the shard with its last record; an empty one with its first number."""
        self.end = self.records[-1].number if self.records else self.start

    def expire(self, before: float) -> None:
        """Drop the records that were written before a time in epoch seconds."""
        expired = 0
        while expired < len(self.records) and self.records[expired].created < before:
            expired += 1
        del self.records[:expired]
        self.trimmed += expired

    def position_at(self, number: str, *, after: bool) -> int | None:
        """Return the position of a sequence number, or behind it; ``None`` when it is not in the shard any more."""
        index = bisect_left(self.records, int(number), key=lambda record: int(record.number))
        if index < len(self.records) and int(self.records[index].number) == int(number):
            return self.trimmed + index + after
        return self.trimmed if int(number) == int(self.start) and not self.trimmed else None

    def page(self, position: int, limit: int) -> list[str]:
        """Return the texts of the records from a position on, as many as fit into one page."""
        page: list[str] = []
        size = 0
        first = position - self.trimmed
        for record in self.records[first : first + min(limit, MAX_PAGE)]:
            size += len(record.text)
            if page and size > MAX_PAGE_BYTES:
                break
            page.append(record.text)
        return page

    def described(self) -> dict[str, Any]:
        """Return the shard as ``DescribeStream`` answers it."""
        numbers = {"StartingSequenceNumber": self.start} | ({"EndingSequenceNumber": self.end} if self.end else {})
        parent = {"ParentShardId": self.parent} if self.parent else {}
        return {"ShardId": self.shard_id, "SequenceNumberRange": numbers, **parent}


class StreamCopy:
    """The shards of a stream, parents first, and its records in the order in which they were written."""

    def __init__(self, stream_arn: str, created: int, roll_after: int = 0) -> None:
        """Start with open, empty shards.

        Args:
            stream_arn: The stream.
            created: The time of its creation in epoch milliseconds.
            roll_after: Close all shards after this number of records; 0 keeps them.
        """
        self._stream_arn = stream_arn
        self._roll_after = roll_after
        self._count = 0
        self.last: str | None = None
        """The sequence number of the last record."""
        self.shards: list[Shard] = []
        first = str(created) + "0" * _COUNTER_DIGITS
        self._open = [self._new_shard(slot, first.zfill(30), None) for slot in range(SHARDS)]

    def add(self, record: StreamRecord) -> None:
        """Add the next record. One that is known already changes nothing."""
        kept = Kept.of(record)
        number = kept.number
        if self.last is not None and int(number) <= int(self.last):
            return
        if self._roll_after and self._count and self._count % self._roll_after == 0:
            self._roll(number)
        self._open[slot_of(record["dynamodb"]["Keys"])].records.append(kept)
        self._count += 1
        self.last = number

    def close(self) -> None:
        """Close all shards: the stream was disabled, or its table deleted."""
        for shard in self._open:
            if shard.end is None:
                shard.close()

    def expire(self, before: float) -> None:
        """Drop the records that were written before a time in epoch seconds."""
        for shard in self.shards:
            shard.expire(before)

    def find(self, shard_id: str) -> Shard | None:
        return next((shard for shard in self.shards if shard.shard_id == shard_id), None)

    def _roll(self, number: str) -> None:
        self.close()
        self._open = [self._new_shard(shard.slot, number, shard.shard_id) for shard in self._open]

    def _new_shard(self, slot: int, start: str, parent: str | None) -> Shard:
        created = int(start) // 10**_COUNTER_DIGITS + slot
        suffix = hashlib.sha256(f"{self._stream_arn} {start} {slot}".encode()).hexdigest()[:8]
        shard = Shard(f"shardId-{created:020d}-{suffix}", slot, start, parent)
        self.shards.append(shard)
        return shard


def paged(shards: Sequence[Shard], after: str | None, limit: int) -> tuple[list[Shard], str | None]:
    """Return a page of shards, and the ID after which the next page starts if there is one."""
    first = next((n + 1 for n, shard in enumerate(shards) if shard.shard_id == after), len(shards)) if after else 0
    page = list(shards[first : first + limit])
    return page, page[-1].shard_id if first + limit < len(shards) else None


def empty_pages_before(stream_arn: str, shard_id: str, position: int, largest: int) -> int:
    """Return the number of empty pages before a position; the same each time."""
    return random.Random(f"{stream_arn} {shard_id} {position}").randint(0, largest)  # noqa: S311 - not a secret
