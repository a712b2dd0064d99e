"""The objects of a record: their keys follow from the record alone. Pure.

It is what the processor makes of it, so that to look for a record's object is a proof and not a guess; a test holds
the two together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from pipectl.aws.stream_records import EventRecord

QUARANTINE_DIGITS = 40
"""The longest sequence number: names of quarantined records are in the stream's order."""


def written_at(record: EventRecord) -> datetime:
    """When DynamoDB took the change, to the second."""
    return datetime.fromtimestamp(record["dynamodb"]["ApproximateCreationDateTime"], UTC)


def day_of(record: EventRecord) -> str:
    """``2026/01/31``: the folder of its object."""
    return f"{written_at(record):%Y/%m/%d}"


def object_name(record: EventRecord) -> str:
    """The last part of the key: the record's id, else its sequence number, quoted so that it stays in its folder."""
    if event_id := record.get("eventID"):
        return f"{quote(event_id, safe='')}.json"
    return f"sequence={quote(record['dynamodb']['SequenceNumber'], safe='')}.json"


def object_key(prefix: str, record: EventRecord) -> str:
    """Where the processor stores this version of the order."""
    return f"{prefix}/{day_of(record)}/{object_name(record)}"


def quarantine_key(failed_prefix: str, record: EventRecord) -> str:
    """Where the processor keeps the record when it fails."""
    label = record["eventSourceARN"].partition("/stream/")[2]
    number = record["dynamodb"]["SequenceNumber"].rjust(QUARANTINE_DIGITS, "0")
    return f"{failed_prefix}/{quote(label, safe=':')}/{quote(number, safe='')}.json"
