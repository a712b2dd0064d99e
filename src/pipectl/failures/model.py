"""Failures as the audit table holds them, and what reading their records yields. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipectl.aws.stream_records import STREAM_RETENTION, Cause, EventRecord
from pipectl.failures.errors import SHORTEST_PREFIX
from pipectl.failures.status import UNRESOLVED, ReplayStatus, replay_status
from pipectl.timestamps import parse_timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_dynamodbstreams.type_defs import RecordTypeDef

REPLAYED_EVENTS = ("INSERT", "MODIFY")
"""Event names of the records that the processor stores."""

MOST_RECORDED = 100
"""Records that an audit item names; an item holds 400 KB."""

LONGEST_NUMBER = 40
"""Digits of the longest sequence number. Padded to this length, numbers sort as text."""

LONGEST_CLAIM = timedelta(hours=1)
"""Longer than any claim of a replay: a function runs for 15 minutes at most."""

_SHARD_ID_LENGTHS = range(28, 66)
"""Lengths of the shard ids that DynamoDB accepts."""

_SHORTEST_SHOWN = 7
"""Characters of an id that screens show at least."""

_ID_LENGTH = 32
HASHED_ID = re.compile(f"[0-9a-f]{{{_ID_LENGTH}}}")
"""The form of the ids that the auditor writes. An item that was written by hand can have any id."""
_PREFIX = re.compile(f"[0-9a-f]{{{SHORTEST_PREFIX},31}}")

_ANY_NUMBER = re.compile(f"[0-9]{{1,{LONGEST_NUMBER}}}")
_API_NUMBER = re.compile(f"[0-9]{{21,{LONGEST_NUMBER}}}")


@dataclass(frozen=True, order=True)
class SequenceNumber:
    """A sequence number of a stream: compared as a number, sent and shown as DynamoDB writes it.

    Attributes:
        value: The number.
        text: The written form, with its leading zeros. The API accepts no other.
    """

    value: int
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: object) -> SequenceNumber | None:
        """Return the number of a text of 1 to 40 digits; ``None`` for anything else."""
        return cls(int(text), text) if isinstance(text, str) and _ANY_NUMBER.fullmatch(text) else None

    @classmethod
    def of(cls, event: EventRecord | RecordTypeDef) -> SequenceNumber:
        """Return the number of a stream record."""
        text = event["dynamodb"]["SequenceNumber"]
        return cls(int(text), text)

    @property
    def padded(self) -> str:
        return f"{self.value:0{LONGEST_NUMBER}}"

    def __str__(self) -> str:
        return self.text


CLOSES_IT = "`pipectl audit resolve ID --reason TEXT` closes it"
"""Part of the hints about failures that can never be replayed."""


def is_prefix(text: str) -> bool:
    """Return whether a text can be the beginning of an id that the auditor has written."""
    return _PREFIX.fullmatch(text) is not None


def short_ids(ids: Collection[str]) -> dict[str, str]:
    """Return the shortest beginning of each id, of 7 characters or more, that no other one of them has.

    Ids that the auditor did not write stay whole, because they are looked up as a whole.
    """
    short: dict[str, str] = {}
    ordered = sorted(set(ids))
    for before, each, after in zip(["", *ordered], ordered, [*ordered[1:], ""], strict=False):
        length = _SHORTEST_SHOWN
        while length < len(each) and any(other.startswith(each[:length]) for other in (before, after)):
            length += 1
        short[each] = each[:length] if HASHED_ID.fullmatch(each) else each
    return short


def short_id(audit_id: str) -> str:
    """Return the beginning of one id, as screens show it."""
    return short_ids([audit_id])[audit_id]


@dataclass(frozen=True)
class StreamRange:
    """Records of one shard, from the first to the last sequence number, both included.

    A range is an upper bound: Lambda may put several failures into one message, with good records between them.
    """

    stream_arn: str
    shard_id: str
    first: SequenceNumber
    last: SequenceNumber

    def covers(self, number: SequenceNumber) -> bool:
        return self.first <= number <= self.last


def audit_id_of(where: StreamRange) -> str:
    """Return the id that the auditor gives to the failure of a range; another auditor may give another one."""
    parts = (where.stream_arn, where.shard_id, where.first.text, where.last.text)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_ID_LENGTH]


@dataclass(frozen=True)
class Failure:
    """An item of the audit table. Attributes that are missing or invalid are ``None``."""

    item: Mapping[str, object]

    @classmethod
    def of(cls, typed: Mapping[str, AttributeValueTypeDef]) -> Failure:
        """Return the failure of an item in DynamoDB's typed form (``{"auditId": {"S": ...}}``)."""
        return cls({name: _plain(value) for name, value in typed.items()})

    @property
    def audit_id(self) -> str:
        return str(self.item["auditId"])

    @property
    def timestamp(self) -> str:
        return str(self.item["timestamp"])

    @property
    def key(self) -> tuple[str, str]:
        """The item's primary key; one id can belong to several failures of the same range."""
        return self.audit_id, self.timestamp

    @property
    def failure_type(self) -> str:
        return str(self.item.get("failureType", "Other"))

    @property
    def status(self) -> ReplayStatus:
        return replay_status(self.item.get("replayStatus"))

    @property
    def range(self) -> StreamRange | None:
        """The place of its records; ``None`` when the message does not name a valid one."""
        arn, shard_id, first, last = (
            str(self._stream.get(name, "")) for name in ("arn", "shardId", "startSequenceNumber", "endSequenceNumber")
        )
        numbered = _API_NUMBER.fullmatch(first) and _API_NUMBER.fullmatch(last)
        if not (numbered and shard_id and "/stream/" in arn) or int(first) > int(last):
            return None
        return StreamRange(arn, shard_id, SequenceNumber(int(first), first), SequenceNumber(int(last), last))

    def unreplayable(self, stream_prefix: str) -> str | None:
        """Return the reason why no replay can ever process it; ``None`` when a replay can.

        Args:
            stream_prefix: Beginning of the ARNs of the pipeline's streams.
        """
        where = self.range
        if where is None:
            return "its message names no stream range"
        if not where.stream_arn.startswith(stream_prefix):
            return f"its records are in another stream: {where.stream_arn}"
        if len(where.shard_id) not in _SHARD_ID_LENGTHS:
            return f"its message names a shard id that DynamoDB refuses: {where.shard_id}"
        return None

    @property
    def status_before(self) -> ReplayStatus:
        """The status that it had before it was resolved; ``OPEN`` when the item holds no valid one."""
        before = replay_status(self.item.get("statusBefore"))
        return before if before in UNRESOLVED else ReplayStatus.OPEN

    @property
    def starts_to_expire(self) -> datetime | None:
        """The time at which the stream trims the first of its records."""
        return _trimmed_at(self._stream.get("firstArrival"))

    @property
    def arrival(self) -> tuple[datetime, datetime] | None:
        """The times between which its records were written; ``None`` when the item holds no valid time."""
        audited = parse_timestamp(self.timestamp)
        first, last = (parse_timestamp(self._stream.get(name)) for name in ("firstArrival", "lastArrival"))
        first = first or (audited and audited - STREAM_RETENTION)
        last = last or audited
        return (first, last) if first and last else None

    @property
    def failing_numbers(self) -> list[SequenceNumber] | None:
        """The only records that still fail after a replay; ``None`` when all records of its range may."""
        failing, error = self.item.get("failingRecords"), self.item.get("replayError")
        if error or not isinstance(failing, list) or not 0 < len(failing) < MOST_RECORDED:
            return None
        named = [SequenceNumber.parse(each.get("sequenceNumber")) for each in failing if isinstance(each, Mapping)]
        numbers = [number for number in named if number]
        return numbers if len(numbers) == len(failing) else None

    @property
    def at_risk(self) -> datetime | None:
        """The time at which the stream has trimmed the last of its records."""
        return _trimmed_at(self._stream.get("lastArrival"))

    @property
    def _stream(self) -> Mapping[str, object]:
        stream = self.item.get("stream")
        return stream if isinstance(stream, Mapping) else {}


def _plain(value: Mapping[str, object]) -> object:
    """Return a value in plain Python; numbers are Decimals, of any size, and sets are sorted lists."""
    for kind, inner in value.items():
        match kind, inner:
            case "N", str():
                return Decimal(inner)
            case "M", Mapping():
                return {name: _plain(member) for name, member in inner.items()}
            case "L", list():
                return [_plain(member) for member in inner]
            case "NS", list():
                return sorted(map(Decimal, inner))
            case (("SS" | "BS"), list()):
                return sorted(inner)
            case "NULL", _:
                return None
        return inner
    return None


def _trimmed_at(arrival: object) -> datetime | None:
    time = parse_timestamp(arrival)
    return time + STREAM_RETENTION if time else None


@dataclass(frozen=True)
class Record:
    """A stream record, in the form of a Lambda event.

    Attributes:
        number: Its sequence number.
        event: The record itself.
        from_quarantine: It was read from the quarantine, not from the stream.
        cause: The reason why it failed, when that was kept with it.
    """

    number: SequenceNumber
    event: EventRecord
    from_quarantine: bool = False
    cause: Cause | None = None

    @classmethod
    def of(cls, event: EventRecord, *, from_quarantine: bool = False, cause: Cause | None = None) -> Record:
        return cls(SequenceNumber.of(event), event, from_quarantine, cause)

    @property
    def is_replayed(self) -> bool:
        """The processor stores it: it is an insert or an update."""
        return self.event.get("eventName") in REPLAYED_EVENTS


@dataclass(frozen=True)
class Gap:
    """Numbers that the stream did not deliver, although it delivers others; the quarantine may hold their records.

    Attributes:
        first: The first number of the gap.
        last: The last one.
        trimmed_to: The stream reports everything up to this number as trimmed; ``None`` when it reports nothing.
    """

    first: int
    last: int
    trimmed_to: int | None = None

    def proves_trimmed(self, number: SequenceNumber) -> bool:
        return self.trimmed_to is not None and self.first <= number.value <= self.trimmed_to


@dataclass(frozen=True)
class Damage:
    """A place that should hold a record and does not: a quarantine object, or a line of a saved file.

    Attributes:
        message: The place, and its problem.
        number: The sequence number that the place names, if it names one.
    """

    message: str
    number: int | None = None


@dataclass(frozen=True)
class End:
    """The end of a reading.

    Attributes:
        complete: Records that were not returned do not exist. Otherwise the stream returned only empty pages.
    """

    complete: bool


Reading = Record | Gap | Damage | End
"""An item that a reader yields; `End` comes once, as the last one."""


@dataclass(frozen=True)
class FailedRecord:
    """A record that failed again.

    Attributes:
        sequence_number: Its number.
        keys: The order's keys, in DynamoDB's typed form.
        error: The function's own error.
    """

    sequence_number: SequenceNumber
    keys: object
    error: str


def written_at(event: EventRecord) -> datetime:
    """Return when DynamoDB took the change, to the second."""
    return datetime.fromtimestamp(event["dynamodb"]["ApproximateCreationDateTime"], UTC)


def day_of(event: EventRecord) -> str:
    """``2026/01/31``: the folder of its object."""
    return f"{written_at(event):%Y/%m/%d}"


def object_name(event: EventRecord) -> str:
    """Return the last part of its object's key: its id, else its sequence number, quoted to stay in its folder."""
    if event_id := event.get("eventID"):
        return f"{quote(event_id, safe='')}.json"
    return f"sequence={quote(event['dynamodb']['SequenceNumber'], safe='')}.json"


def object_key(prefix: str, event: EventRecord) -> str:
    """Return the key under which the processor stores this version of the order."""
    return f"{prefix}/{day_of(event)}/{object_name(event)}"


def quarantine_folder(failed_prefix: str, stream_arn: str) -> str:
    """Return the folder in which the processor keeps failed records of a stream."""
    return f"{failed_prefix}/{quote(stream_arn.partition('/stream/')[2], safe=':')}"


def quarantine_key(failed_prefix: str, event: EventRecord) -> str:
    """Return the key under which the processor keeps the record when it fails."""
    number = event["dynamodb"]["SequenceNumber"].rjust(LONGEST_NUMBER, "0")
    return f"{quarantine_folder(failed_prefix, event['eventSourceARN'])}/{quote(number, safe='')}.json"
