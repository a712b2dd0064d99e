"""A failure as the audit table holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipectl.aws.client import plain_item
from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.failures.kinds import FAILURE_TYPES as FAILURE_TYPES
from pipectl.failures.kinds import UNRESOLVED as UNRESOLVED
from pipectl.failures.kinds import ReplayStatus as ReplayStatus
from pipectl.timestamps import parse_timestamp

_SEQUENCE_NUMBER = re.compile(r"[0-9]{21,40}")


@dataclass(frozen=True)
class StreamRange:
    """Where the records are: within one shard, from the first to the last sequence number, both included.

    It is an upper bound: Lambda may put several failures into one message, with good records between them. ``digits``
    is how many the numbers are written with, leading zeros and all.
    """

    stream_arn: str
    shard_id: str
    first: int
    last: int
    digits: int


@dataclass(frozen=True)
class Failure:
    """One item of the audit table, read tolerantly: what is missing or odd is ``None``."""

    item: Mapping[str, Any]

    @classmethod
    def of(cls, typed: Mapping[str, Any]) -> Failure:
        """From an item as DynamoDB's client answers it (``{"auditId": {"S": ...}}``)."""
        return cls(plain_item(typed))

    @property
    def audit_id(self) -> str:
        return str(self.item["auditId"])

    @property
    def timestamp(self) -> str:
        return str(self.item["timestamp"])

    @property
    def failure_type(self) -> str:
        return str(self.item.get("failureType", "Other"))

    @property
    def status(self) -> ReplayStatus:
        try:
            return ReplayStatus(str(self.item.get("replayStatus")))
        except ValueError:
            return ReplayStatus.OPEN

    @property
    def range(self) -> StreamRange | None:
        """Where its records are; ``None`` when the message did not say."""
        names = ("arn", "shardId", "startSequenceNumber", "endSequenceNumber")
        arn, shard_id, first, last = (str(self._stream.get(name, "")) for name in names)
        numbered = _SEQUENCE_NUMBER.fullmatch(first) and _SEQUENCE_NUMBER.fullmatch(last)
        if not (numbered and shard_id and "/stream/" in arn):
            return None
        found = StreamRange(arn, shard_id, int(first), int(last), len(first))
        return found if found.first <= found.last else None

    @property
    def starts_to_expire(self) -> datetime | None:
        """When the stream forgets the first of its records."""
        return _later(self._stream.get("firstArrival"))

    @property
    def at_risk(self) -> datetime | None:
        """When the stream has forgotten the last of its records."""
        return _later(self._stream.get("lastArrival"))

    @property
    def _stream(self) -> Mapping[str, Any]:
        stream = self.item.get("stream")
        return stream if isinstance(stream, Mapping) else {}


def _later(arrival: object) -> datetime | None:
    moment = parse_timestamp(arrival)
    return moment + STREAM_RETENTION if moment else None
