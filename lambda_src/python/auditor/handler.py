"""Auditor: every dead-letter message becomes one permanent item of the audit table.

The item's key is made of the message alone, and the put is conditional: however often a message comes, from the queue
or from a replay, it is written once, and never over what a replay has noted on it since.

Messages are taken as they come. AWS leaves fields out (no `responseContext` when the records were discarded before an
invocation, no range when a tumbling window ends in failure), emulators spell conditions in their own way, and people
put things into queues by hand; a failure that cannot be read is still one that somebody has to look at.
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
    "MaxRecordAgeExceeded": "RecordAgeExceeded",  # as emulators have it
    "MaximumRecordAgeExceeded": "RecordAgeExceeded",
}
# DynamoDB takes items below 400 KB, names and values together. A text counts its UTF-8 bytes; a map or list can count
# twice its JSON text. So 300 + 2 * 32 + 2 * 4 + fewer than 20 fields of 1 KB each are safe whatever comes.
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


class BatchError(Exception):
    """Makes the invocation an error; names the message to blame."""


class Context(Protocol):
    """What is used of Lambda's context object."""

    @property
    def aws_request_id(self) -> str: ...


class Auditor:
    """Writes the messages of a batch to the audit table."""

    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self.dynamodb = dynamodb
        self.table = table

    def audit(self, event: object, context: Context) -> dict[str, list[dict[str, str]]]:
        """Attempt every message of the batch. Returns Lambda's partial batch response, or raises BatchError.

        A batch of which nothing could be written is an error, because that shows in the function's `Errors` metric,
        and costs nothing: there is no good message that would be delivered again.
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
            if len(failures) == len(messages) or not message_id:  # Lambda cannot be told of one without an id
                raise BatchError(f"message {message_id or 'without an id'} is not in the audit trail: {reason}")
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id, _ in failures]}

    def write(self, message: object) -> None:
        """Write one message's item unless it is there already."""
        item = {name: typed(value) for name, value in audit_item(message).items() if value is not None}
        try:
            self.dynamodb.put_item(TableName=self.table, Item=item, ConditionExpression="attribute_not_exists(auditId)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def attempt_each(work: Callable[[T], None], items: Sequence[T]) -> list[BaseException | None]:
    """Do `work` on every item in parallel, whatever the others do; what each of them raised, in order."""
    with ThreadPoolExecutor(WRITERS) as pool:
        return [future.exception() for future in [pool.submit(work, item) for item in items]]


def log_failure(message_id: str, reason: str, context: Context) -> None:
    line = {
        "level": "ERROR",
        "message": "message not audited",
        "messageId": message_id,
        "reason": reason,
        "requestId": context.aws_request_id,
    }
    print(json.dumps(line), flush=True)


def audit_item(message: object) -> dict[str, object]:
    """What the audit trail keeps of a queue message. None stands for an attribute that the message does not have."""
    failure = parse(text(dig(message, "body")))
    request, batch = dig(failure, "requestContext"), dig(failure, "DDBStreamBatchInfo")
    return {
        "auditId": audit_id(message, batch),
        "timestamp": iso(moment(dig(failure, "timestamp")) or sent_at(message)),
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
    }


def audit_id(message: object, batch: object) -> str:
    """The failure's identity: the range of the stream that was given up; of the message where it names none."""
    names = ("streamArn", "shardId", "startSequenceNumber", "endSequenceNumber")
    stretch = [part for part in (dig(batch, name) for name in names) if isinstance(part, str) and part]
    whole = len(stretch) == len(names)
    return sha256("\n".join(stretch) if whole else text(dig(message, "messageId")) or text(message))[:32]


def failure_type(failure: object) -> str:
    """One of a closed list, so that asking the index for each of them finds every failure."""
    if not isinstance(failure, dict):
        return "UnparseableMessage"
    return FAILURE_TYPES.get(text(dig(failure, "requestContext", "condition")), "Other")


def kept_message(message: object) -> dict[str, object]:
    """The message as the queue had it, but for the receipt handle, which is a new one at every delivery."""
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
    raise ValueError(f"{constant} is no JSON")


def parse(body: str) -> object:
    """The body's JSON, None where it is none."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):  # a megabyte of brackets is a legal message
        return None


def moment(value: object) -> datetime | None:
    """An ISO 8601 text as a time, UTC where it names no zone; None for anything else."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) and ISO_TIME.fullmatch(value) else None
        return parsed and (parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def sent_at(message: object) -> datetime:
    """When the message was sent; 1970 where it does not say, since the clock would make a repeat a second item."""
    sent = text(dig(message, "attributes", "SentTimestamp"))
    try:
        return EPOCH + timedelta(milliseconds=int(sent) if re.fullmatch("[0-9]+", sent) else 0)
    except (ValueError, OverflowError):
        return EPOCH


def iso(time: datetime) -> str:
    """The one form of every timestamp in the table, so that they sort as text."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def field(value: object, *path: str) -> object:
    """The scalar at `path`, within its share of the item; None where there is none."""
    found = dig(value, *path)
    return found if found is None or is_number(found) else cut(text(found), FIELD_BYTES)


def bounded(value: object, limit: int) -> object:
    """A map or list as it is; as a cut JSON text where it is larger than any that SQS sends."""
    as_text = text(value)
    return value if as_text != TOO_DEEP and len(utf8(as_text)) <= limit else cut(as_text, limit)


def typed(value: object, depth: int = 6) -> AttributeValueTypeDef:
    """A value in DynamoDB's typed form. Below `depth` maps and lists become text: DynamoDB nests to 32 levels."""
    if isinstance(value, dict) and depth:
        return {"M": {unicode(name): typed(v, depth - 1) for name, v in value.items() if name and v is not None}}
    if isinstance(value, list) and depth:
        return {"L": [typed(member, depth - 1) for member in value]}
    return {"N": str(value)} if is_number(value) else {"S": unicode(text(value))}


def is_number(value: object) -> bool:
    """Whether DynamoDB stores this exactly: its numbers have 38 digits, and a float has no exact decimal form."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**38


def text(value: object) -> str:
    """Text as it is, anything else as JSON; nothing is the empty text."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return unicode(json.dumps(value, ensure_ascii=False, sort_keys=True))
    except RecursionError:  # what could just be read can be too deep to be written
        return TOO_DEEP


def cut(value: str, limit: int) -> str:
    """The text's beginning, at most `limit` bytes and no half character."""
    return utf8(value)[:limit].decode(errors="ignore")


def utf8(value: str) -> bytes:
    """Half a surrogate pair, which JSON can spell and UTF-8 cannot, becomes a question mark."""
    return value.encode(errors="replace")


def unicode(value: str) -> str:
    return utf8(value).decode()


def sha256(value: str) -> str:
    return hashlib.sha256(utf8(value)).hexdigest()


def dig(value: object, *path: str) -> object:
    """What lies at `path`; None where anything on the way is missing or no map."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@functools.cache
def auditor() -> Auditor:
    """The one auditor of this execution environment; its client keeps a connection for each writer."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=2,
        read_timeout=5,
        max_pool_connections=WRITERS,
    )
    return Auditor(boto3.client("dynamodb", config=config), os.environ["AUDIT_TABLE_NAME"])


def handler(event: object, context: Context) -> dict[str, list[dict[str, str]]]:
    return auditor().audit(event, context)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    auditor()  # while the environment starts, which Lambda does with a full processor whatever the memory
