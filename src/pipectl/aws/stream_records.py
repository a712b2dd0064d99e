"""Stream records in the form in which Lambda hands them to a function. Pure.

`GetRecords` through boto3 returns datetimes and bytes. A Lambda event holds epoch seconds, base64 and the ARN of the
stream. The two are otherwise equal. Source: "Example DynamoDB Streams record event" in the Lambda Developer Guide.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NotRequired, TypedDict, cast

from pipectl.timestamps import parse_timestamp, rfc3339_milliseconds

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


@dataclass(frozen=True)
class Cause:
    """The reason why the processor failed on a record, as the quarantine keeps it beside the record.

    Attributes:
        reason: Type and message of the error.
        failed_at: The time of the failure.
        request_id: The invocation's id, which is in its log lines.
        function_version: The version of the processor that failed.
    """

    reason: str
    failed_at: datetime | None = None
    request_id: str | None = None
    function_version: str | None = None


@dataclass(frozen=True)
class Kept:
    """A record that was kept as JSON, and the reason why it failed, when that was kept with it."""

    event: EventRecord
    cause: Cause | None = None

    def json(self) -> str:
        """Return the text that `kept_record` reads."""
        if self.cause is None:
            return json.dumps(self.event)
        failed_at = self.cause.failed_at
        failure = {
            "reason": self.cause.reason,
            "failedAt": failed_at and rfc3339_milliseconds(failed_at),
            "requestId": self.cause.request_id,
            "functionVersion": self.cause.function_version,
        }
        return json.dumps({"record": self.event, "failure": failure})


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


def plain_image(item: Mapping[str, object] | None) -> Mapping[str, AttributeValue] | None:
    """Return an item of the table in the form that the images of records have."""
    return cast("Mapping[str, AttributeValue] | None", _plain(item))


def kept_record(text: str | bytes) -> Kept | None:
    """Return a record that was kept as JSON, bare or with its cause; ``None`` when the text does not hold one.

    A cause without a reason is ``None``, and so is each of its other values that is not of its type: the content of
    an object or of a file is not trusted.
    """
    try:
        content = json.loads(text)
        bare = "dynamodb" in content
        record = content if bare else content["record"]
        numbered = _SEQUENCE_NUMBER.fullmatch(record["dynamodb"]["SequenceNumber"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not numbered:
        return None
    return Kept(cast(EventRecord, record), None if bare else _cause(content.get("failure")))


def _cause(failure: object) -> Cause | None:
    values = failure if isinstance(failure, Mapping) else {}
    names = ("reason", "failedAt", "requestId", "functionVersion")
    reason, failed_at, request_id, version = (
        value if isinstance(value, str) else None for value in map(values.get, names)
    )
    return Cause(reason, parse_timestamp(failed_at), request_id, version) if reason else None


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
