"""Stream records in the form in which Lambda hands them to a function. Pure.

`GetRecords` through boto3 returns datetimes and bytes. A Lambda event holds epoch seconds, base64 and the ARN of the
stream. The two are otherwise equal. Source: "Example DynamoDB Streams record event" in the Lambda Developer Guide.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NotRequired, TypedDict, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.type_defs import RecordTypeDef


AttributeValue = Mapping[str, object]
"""A value in DynamoDB's typed form, with binary values as base64."""


class StreamData(TypedDict):
    """The part of a stream record that describes the change: keys, images and sequence number."""

    SequenceNumber: str
    ApproximateCreationDateTime: NotRequired[int]
    Keys: NotRequired[Mapping[str, AttributeValue]]
    NewImage: NotRequired[Mapping[str, AttributeValue]]
    OldImage: NotRequired[Mapping[str, AttributeValue]]
    SizeBytes: NotRequired[int]
    StreamViewType: NotRequired[str]


class EventRecord(TypedDict):
    """A stream record as a Lambda event holds it."""

    dynamodb: StreamData
    eventID: NotRequired[str]
    eventName: NotRequired[str]
    eventVersion: NotRequired[str]
    eventSource: NotRequired[str]
    eventSourceARN: NotRequired[str]
    awsRegion: NotRequired[str]
    userIdentity: NotRequired[dict[str, str]]


STREAM_RETENTION = timedelta(hours=24)
"""Time for which a stream keeps a record, also once it is switched off. Source: "Change data capture for DynamoDB
Streams" in the DynamoDB Developer Guide."""

_SEQUENCE_NUMBER = re.compile("[0-9]{1,40}")


def event_record(record: RecordTypeDef, stream_arn: str) -> EventRecord:
    """Return a record of `GetRecords` in the form of a Lambda event."""
    event = cast(EventRecord, _plain(record))
    event["eventSourceARN"] = stream_arn
    if identity := event.get("userIdentity"):  # boto3 alone capitalises these names
        event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    return event


def kept_record(text: str | bytes) -> EventRecord | None:
    """Return a record that was kept as JSON; ``None`` when the text does not hold one."""
    try:
        record = json.loads(text)
        numbered = _SEQUENCE_NUMBER.fullmatch(record["dynamodb"]["SequenceNumber"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return cast(EventRecord, record) if numbered else None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value
