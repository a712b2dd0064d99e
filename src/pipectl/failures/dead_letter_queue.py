"""Messages in the dead-letter queue: counted, and audited before a replay, so that every failure has an audit item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipectl.aws.batch_responses import read_failed_positions
from pipectl.aws.client import Aws
from pipectl.aws.queue_records import queue_record

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

_RECEIVED_AT_ONCE = 10
_WAIT_SECONDS = 1
_HIDDEN_SECONDS = 60
_MOST_FAILED = 3
"""Batches in a row of which no message can be audited; then the auditor itself has a fault."""


def count_messages(aws: Aws, queue_url: str) -> tuple[int, int]:
    """Return about how many messages a queue holds: visible ones, and those that were received and not yet deleted."""
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )
    counts = answer["Attributes"]
    return int(counts["ApproximateNumberOfMessages"]), int(counts["ApproximateNumberOfMessagesNotVisible"])


@dataclass(frozen=True)
class QueueAudit:
    """Result of auditing the messages of the queue.

    Attributes:
        audited: Number of messages that have an audit item now.
        failed: Number of messages that the auditor could not write; they stay in the queue.
        error: The first reason.
    """

    audited: int = 0
    failed: int = 0
    error: str | None = None


def audit_messages(aws: Aws, queue_url: str, queue_arn: str, auditor: str) -> QueueAudit:
    """Invoke the auditor with every visible message, and delete each once its item exists.

    The queue mapping may do this at the same time: an item is written once however often its message comes.
    """
    found, failed_in_a_row = QueueAudit(), 0
    while failed_in_a_row < _MOST_FAILED and (messages := _receive(aws, queue_url)):
        failed, error = _audit(aws, auditor, [queue_record(message, queue_arn, aws.region) for message in messages])
        done = [message for position, message in enumerate(messages) if position not in failed]
        _delete(aws, queue_url, done)
        failed_in_a_row = 0 if done else failed_in_a_row + 1
        found = QueueAudit(found.audited + len(done), found.failed + len(failed), found.error or error)
    return found


def _receive(aws: Aws, queue_url: str) -> Sequence[MessageTypeDef]:
    answer = aws.sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=_RECEIVED_AT_ONCE,
        WaitTimeSeconds=_WAIT_SECONDS,
        VisibilityTimeout=_HIDDEN_SECONDS,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def _audit(aws: Aws, auditor: str, records: Sequence[Mapping[str, object]]) -> tuple[Sequence[int], str | None]:
    """Return the positions of the messages that have no item now, and the reason."""
    answer = aws.invoker.invoke(FunctionName=auditor, Payload=json.dumps({"Records": records}).encode())
    payload, everything = answer["Payload"].read(), range(len(records))
    if answer.get("FunctionError"):
        return everything, payload[:500].decode(errors="replace")
    try:
        failed = read_failed_positions(payload, [str(record["messageId"]) for record in records])
    except ValueError as error:
        return everything, str(error)
    return failed, "the auditor reported it as failed" if failed else None


def _delete(aws: Aws, queue_url: str, messages: Sequence[MessageTypeDef]) -> None:
    """Delete messages. One that cannot be deleted comes again and is audited again, to the same item."""
    entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)
    ]
    if entries:
        aws.sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)
