"""Auditor: write each dead-letter message to the audit table as one permanent item.

The item's key is computed from the message alone, and the put is conditional. A message that is delivered again, by the
queue or by `replay-dlq`, is written once and does not overwrite the result of a replay.

Messages are accepted in any form. AWS leaves fields out: `responseContext` when the records were discarded before an
invocation, the range when a tumbling window fails. Emulators use other names for conditions, and people send messages
by hand. A message that cannot be parsed is audited too, so that an operator sees it.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

T = TypeVar("T")

WRITERS = 10
FAILURE_TYPES = {
    "RetryAttemptsExhausted": "RetryAttemptsExhausted",
    "RecordAgeExceeded": "RecordAgeExceeded",
    "MaxRecordAgeExceeded": "RecordAgeExceeded",  # the name in emulators
    "MaximumRecordAgeExceeded": "RecordAgeExceeded",
}
# DynamoDB's limit is 400 KB for an item, names and values together. A text counts its UTF-8 bytes. A map or list counts
# at most twice its JSON text. So 300 + 2 * 32 + 2 * 4 + 20 fields of 1 KB each stay below the limit.
BODY_BYTES = 300 * 1024
MESSAGE_ATTRIBUTES_BYTES = 32 * 1024
ATTRIBUTES_BYTES = 4 * 1024
FIELD_BYTES = 1024
TOO_DEEP = "nested too deep to be written"
ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3])(:[0-5][0-9]){2}"
    r"(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_DELIVERY = timedelta(days=1)
CLOCK_DIFFERENCE = timedelta(minutes=1)


class BatchError(Exception):
    """Fail the invocation. The message names the queue message that failed."""


class Context(Protocol):
    """Lambda's context object, reduced to the attribute in use."""

    @property
    def aws_request_id(self) -> str: ...


class Auditor:
    """Write the messages of a batch to the audit table."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def audit(self, event: object, context: Context) -> dict[str, list[dict[str, str]]]:
        """Audit every message of the batch, also when one fails. Returns Lambda's partial batch response.

        Raises BatchError when no message could be written, so that the function's `Errors` metric counts it. Then no
        message of the batch was audited, so none is audited twice.
        """
        messages = dig(event, "Records")
        if messages is None:
            messages = []
        if not isinstance(messages, list):
            raise BatchError(f"Records must be a list, got {cut(text(messages), 60)}")
        failures = [
            (text(dig(message, "messageId")), f"{type(error).__name__}: {error}")
            for message, error in zip(messages, attempt_each(self.write, messages), strict=True)
            if error
        ]
        for message_id, reason in failures:
            log_failure(message_id, reason, context)
        for message_id, reason in failures:
            if len(failures) == len(messages) or not message_id:  # the response can name a message by its id only
                raise BatchError(f"message {message_id or 'without an id'} was not audited: {reason}")
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id, _ in failures]}

    def write(self, message: object) -> None:
        """Write one message's item. Keep an item that exists."""
        item = {name: typed(value) for name, value in audit_item(message).items() if value is not None}
        try:
            self.dynamodb.put_item(TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(auditId)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def attempt_each(work: Callable[[T], None], items: Sequence[T]) -> list[BaseException | None]:
    """Call `work` with every item, in parallel. Return the error of each item, or None, in the order of the items."""
    with ThreadPoolExecutor(WRITERS) as pool:
        return [future.exception() for future in [pool.submit(work, item) for item in items]]


def log_failure(message_id: str, reason: str, context: Context) -> None:
    """Print the failure as one line of JSON."""
    line = {
        "level": "ERROR",
        "message": "message not audited",
        "messageId": message_id,
        "reason": reason,
        "requestId": context.aws_request_id,
    }
    print(json.dumps(line), flush=True)


def audit_item(message: object) -> dict[str, object]:
    """Return the audit item of a queue message. An attribute that the message does not have is None."""
    failure = parse(text(dig(message, "body")))
    request, batch = dig(failure, "requestContext"), dig(failure, "DDBStreamBatchInfo")
    return {
        "auditId": audit_id(message, batch),
        "timestamp": iso(failed_at(failure, message)),
        "failureType": failure_type(failure),
        "condition": field(request, "condition"),
        "requestId": field(request, "requestId"),
        "functionArn": field(request, "functionArn"),
        "functionError": field(failure, "responseContext", "functionError"),
        "approximateInvokeCount": field(request, "approximateInvokeCount"),
        "stream": {
            "arn": field(batch, "streamArn"),
            "shardId": field(batch, "shardId"),
            "startSequenceNumber": field(batch, "startSequenceNumber"),
            "endSequenceNumber": field(batch, "endSequenceNumber"),
            "batchSize": field(batch, "batchSize"),
            "firstArrival": field(batch, "approximateArrivalOfFirstRecord"),
            "lastArrival": field(batch, "approximateArrivalOfLastRecord"),
        },
        "message": kept_message(message),
        "replayStatus": "OPEN",
        "unresolved": "yes",  # the key of a sparse index: the attribute is there while the failure is unresolved
    }


def audit_id(message: object, batch: object) -> str:
    """Return the failure's id: a hash of the stream range that failed, else of the message id."""
    names = ("streamArn", "shardId", "startSequenceNumber", "endSequenceNumber")
    stream_range = [part for part in (dig(batch, name) for name in names) if isinstance(part, str) and part]
    complete = len(stream_range) == len(names)
    return sha256("\n".join(stream_range) if complete else text(dig(message, "messageId")) or text(message))[:32]


def failure_type(failure: object) -> str:
    """Return a value of a closed list, so that a query of the index for each value finds every failure."""
    if not isinstance(failure, dict):
        return "UnparseableMessage"
    return FAILURE_TYPES.get(text(dig(failure, "requestContext", "condition")), "Other")


def kept_message(message: object) -> dict[str, object]:
    """Return the message without its receipt handle, which is new at every delivery. A long body is cut."""
    body = text(dig(message, "body"))
    whole = cut(body, BODY_BYTES) == body
    return {
        "messageId": field(message, "messageId"),
        "body": cut(body, BODY_BYTES),
        "bodyLength": None if whole else len(utf8(body)),
        "bodySha256": None if whole else sha256(body),
        "md5OfBody": field(message, "md5OfBody"),
        "sentTimestamp": iso(sent_at(message)),
        "attributes": bounded(dig(message, "attributes"), ATTRIBUTES_BYTES),
        "messageAttributes": bounded(dig(message, "messageAttributes"), MESSAGE_ATTRIBUTES_BYTES),
        "eventSource": field(message, "eventSource"),
        "eventSourceARN": field(message, "eventSourceARN"),
        "awsRegion": field(message, "awsRegion"),
    }


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def parse(body: str) -> object:
    """Return the body's JSON value; None when the body is not JSON."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):  # a message can consist of a megabyte of brackets
        return None


def moment(value: object) -> datetime | None:
    """Return an ISO 8601 text as a time, in UTC when it has no time zone; None for any other value."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) and ISO_TIME.fullmatch(value) else None
        return parsed and (parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def failed_at(failure: object, message: object) -> datetime:
    """Return the time of the failure as the body names it; the queue's own time when that cannot be right.

    A time far from the queue's would hide the failure from everybody who looks for recent ones.
    """
    named, sent = moment(dig(failure, "timestamp")), sent_at(message)
    if named is None or sent == EPOCH:
        return named or sent
    return named if sent - LONGEST_DELIVERY <= named <= sent + CLOCK_DIFFERENCE else sent


def sent_at(message: object) -> datetime:
    """Return the time at which the message was sent; 1970 when that is missing.

    The current time would differ at the next delivery, and the message would be audited twice.
    """
    sent = text(dig(message, "attributes", "SentTimestamp"))
    try:
        return EPOCH + timedelta(milliseconds=int(sent) if re.fullmatch("[0-9]+", sent) else 0)
    except (ValueError, OverflowError):
        return EPOCH


def iso(time: datetime) -> str:
    """Return the time in RFC 3339 with milliseconds. Every timestamp of the table has this form and sorts as text."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def field(value: object, *path: str) -> object:
    """Return the value at `path` as a number or as a text of at most 1 KB; None when it is missing."""
    found = dig(value, *path)
    return found if found is None or is_number(found) else cut(text(found), FIELD_BYTES)


def bounded(value: object, limit: int) -> object:
    """Return the value, or the beginning of its JSON text when that is longer than `limit` bytes."""
    as_text = text(value)
    return value if as_text != TOO_DEEP and len(utf8(as_text)) <= limit else cut(as_text, limit)


def typed(value: object, depth: int = 6) -> AttributeValueTypeDef:
    """Return a value in DynamoDB's typed form. Maps and lists below `depth` levels become text.

    DynamoDB allows 32 levels.
    """
    if isinstance(value, dict) and depth:
        return {"M": {unicode(name): typed(v, depth - 1) for name, v in value.items() if name and v is not None}}
    if isinstance(value, list) and depth:
        return {"L": [typed(member, depth - 1) for member in value]}
    return {"N": str(value)} if is_number(value) else {"S": unicode(text(value))}


def is_number(value: object) -> bool:
    """Report whether DynamoDB can store the number exactly: an integer of at most 38 digits."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**38


def text(value: object) -> str:
    """Return a text unchanged, None as the empty text, and any other value as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return unicode(json.dumps(value, ensure_ascii=False, sort_keys=True))
    except RecursionError:  # a value that could be parsed can still be too deep to be written
        return TOO_DEEP


def cut(value: str, limit: int) -> str:
    """Return the beginning of the text: at most `limit` bytes, and whole characters only."""
    return utf8(value)[:limit].decode(errors="ignore")


def utf8(value: str) -> bytes:
    """Return the text in UTF-8. A lone surrogate, which UTF-8 cannot encode, becomes a question mark."""
    return value.encode(errors="replace")


def unicode(value: str) -> str:
    """Return the text with each lone surrogate replaced by a question mark."""
    return utf8(value).decode()


def sha256(value: str) -> str:
    """Return the SHA-256 hash of the text, as hexadecimal digits."""
    return hashlib.sha256(utf8(value)).hexdigest()


def dig(value: object, *path: str) -> object:
    """Return the value at `path`; None when a part of the path is missing or is not a map."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@functools.cache
def auditor() -> Auditor:
    """Return the auditor of this execution environment. Its client has one connection for each writer."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=2,
        read_timeout=5,
        max_pool_connections=WRITERS,
    )
    return Auditor(boto3.client("dynamodb", config=config), os.environ["AUDIT_TABLE_NAME"])


def handler(event: object, context: Context) -> dict[str, list[dict[str, str]]]:
    """Audit one batch of queue messages."""
    return auditor().audit(event, context)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    auditor()  # make the client during the init phase, which has a full CPU for every memory size
