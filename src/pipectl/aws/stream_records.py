"""Stream records as Lambda hands them to a function. Pure.

`GetRecords` through boto3 answers datetimes and bytes; a Lambda event holds epoch seconds and base64, and the ARN of
the stream it came from. The two are otherwise the same. Source: "Example DynamoDB Streams record event" in the Lambda
Developer Guide.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

EventRecord = dict[str, Any]

STREAM_RETENTION = timedelta(hours=24)
"""How long a stream keeps a record, also once it is switched off. Source: "Change data capture for DynamoDB Streams" in
the DynamoDB Developer Guide."""

_SEQUENCE_NUMBER = re.compile("[0-9]{1,40}")


def event_record(record: Mapping[str, Any], stream_arn: str) -> EventRecord:
    """A record of `GetRecords` in the shape of a Lambda event."""
    event: EventRecord = _plain(record)
    event["eventSourceARN"] = stream_arn
    if identity := event.get("userIdentity"):  # capitalised by boto3 alone
        event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    return event


def sequence_number(record: Mapping[str, Any]) -> int:
    """Sequence numbers are strings of 21 to 40 digits, and ordered as numbers."""
    return int(record["dynamodb"]["SequenceNumber"])


def kept_record(text: str | bytes) -> EventRecord | None:
    """A record that was kept as JSON; ``None`` when the text is none."""
    try:
        record = json.loads(text)
        numbered = _SEQUENCE_NUMBER.fullmatch(record["dynamodb"]["SequenceNumber"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if numbered else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value
