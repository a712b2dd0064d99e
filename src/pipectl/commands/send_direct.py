"""`send --direct`: invoke the processor with one order, without the table, the stream and the mapping.

The event is the one that Lambda builds, with ids that no stream has: its records are never replayed, verified or
traced, and what the processor stores is recognised by its name.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from pipectl.aws.batch_responses import read_failed_positions
from pipectl.aws.log_entries import parse_entry
from pipectl.aws.stream_records import EventRecord, plain_image
from pipectl.commands.send import read_document
from pipectl.commands.send_order import Order
from pipectl.config.names import LIVE_ALIAS
from pipectl.context import Context
from pipectl.errors import CancelledError
from pipectl.failures.model import object_key, quarantine_key
from pipectl.failures.processor_client import function_error, invoke
from pipectl.failures.quarantine import object_at
from pipectl.failures.reasons import cut
from pipectl.resource_keys import ResourceKey

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import InvocationResponseTypeDef

LABEL = "send-direct"
"""The label of the stream in the event, and so the folder of the quarantine."""
_LONGEST_ANSWER = 10_000


@dataclass(frozen=True)
class DirectReport:
    """The result of one invocation.

    Attributes:
        key: The partition key of the order.
        generated: The key was chosen by pipectl.
        order: The order, in DynamoDB's typed form.
        event_id: The id of the record in the event.
        version: The version of the processor that ran.
        seconds: Duration of the call.
        answer: The answer of the handler: JSON, else text; ``None`` where it raised an error.
        error: The error that the handler raised, or the reason why its answer means that the order failed.
        lines: The last lines of its log, without those of Lambda about the invocation.
        document: The contents of the object that it stored: JSON, else text.
        object: The S3 URL of the object; ``None`` where there is none under the order's key.
        quarantine: The S3 URL of the failed record, where the processor has stored it.
    """

    key: str
    generated: bool
    order: Mapping[str, object]
    event_id: str
    version: str | None
    seconds: float
    answer: object
    error: str | None
    lines: tuple[str, ...]
    document: object = None
    object: str | None = None
    quarantine: str | None = None


def send_direct(context: Context, order: Order) -> DirectReport:
    """Invoke the version of the processor that is in use, and read what it stored.

    Raises:
        RequirementError: processor or bucket are missing, or are not managed by this pipeline.
        AwsError: the processor cannot be invoked.
        CancelledError: the user pressed Ctrl-C during the invocation.
    """
    aws = context.aws
    context.require([ResourceKey.PROCESSOR, ResourceKey.BUCKET])
    record = direct_record(context, order)
    context.reporter.step("invoking the processor")
    started = aws.clock.monotonic()
    function = f"{context.pipeline.physical.processor}:{LIVE_ALIAS}"
    try:
        answer = invoke(aws, function, {"Records": [record]}, log=True)
    except (KeyboardInterrupt, CancelledError):
        message = f"interrupted: the processor may have been invoked with order {order.key}"
        raise CancelledError(message, hint="`pipectl logs --since 5m` shows what it did") from None
    seconds = aws.clock.monotonic() - started
    payload = answer["Payload"].read()
    error = cut(_error(answer, payload, record))
    bucket, config = context.pipeline.physical.bucket, context.config.bucket
    key = quarantine_key(config.failed_prefix, record) if error else object_key(config.prefix, record)
    found = object_at(aws, bucket, key)
    url = f"s3://{bucket}/{key}" if found else None
    return DirectReport(
        order.key,
        order.generated,
        order.item,
        record["eventID"],
        answer.get("ExecutedVersion"),
        seconds,
        None if answer.get("FunctionError") else read_document(payload[:_LONGEST_ANSWER] or b"null"),
        error,
        _lines(answer),
        document=None if error or not found else read_document(found["Body"].read()),
        object=None if error else url,
        quarantine=url if error else None,
    )


def direct_record(context: Context, order: Order) -> EventRecord:
    """Return the record of an insert. Its stream, its id and its sequence number are of no real stream."""
    table = context.pipeline.names.table_arn(context.pipeline.physical.orders_table)
    now, name = context.aws.now(), context.config.orders_table.partition_key
    image = plain_image(order.item) or {}
    return {
        "eventID": f"direct-{token_hex(12)}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": context.aws.region,
        "eventSourceARN": f"{table}/stream/{LABEL}",
        "dynamodb": {
            "ApproximateCreationDateTime": int(now.timestamp()),
            "Keys": {name: image[name]},
            "NewImage": image,
            "SequenceNumber": f"{int(now.timestamp() * 1_000_000):021}",
            "SizeBytes": len(json.dumps(image)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def _error(answer: InvocationResponseTypeDef, payload: bytes, record: EventRecord) -> str | None:
    """Return the reason why Lambda would take the record as failed; ``None`` where it would not."""
    if kind := answer.get("FunctionError"):
        return function_error(payload, kind)
    try:
        reported = read_failed_positions(payload, [record["dynamodb"]["SequenceNumber"]])
    except ValueError as invalid:
        return str(invalid)
    return "the handler reported the record as failed" if reported else None


def _lines(answer: InvocationResponseTypeDef) -> tuple[str, ...]:
    try:
        text = b64decode(answer.get("LogResult", ""), validate=True).decode(errors="replace")
    except ValueError:
        return ()
    return tuple(line for line in text.splitlines() if not parse_entry(line).is_routine)
