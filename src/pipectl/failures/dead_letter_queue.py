"""Messages in the dead-letter queue: counted, and audited before a replay, so that every failure has an audit item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipectl.aws.batch_responses import read_failed_positions
from pipectl.aws.client import Aws
from pipectl.aws.queue_records import queue_record
from pipectl.failures.batching import batches
from pipectl.failures.processor_client import invoke

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

_RECEIVED_AT_ONCE = 10
_WAIT_SECONDS = 1
"""Seconds of a long poll, which asks all servers of SQS."""
_MOST_EMPTY = 2
"""Empty answers in a row after which the queue is empty."""
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


def holds_messages(aws: Aws, queue_url: str) -> bool:
    """Return whether a queue holds a visible message, by receiving one and leaving it there.

    Counts can be a minute old. A long poll asks all servers of the queue.
    """
    answer = aws.sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=_WAIT_SECONDS, VisibilityTimeout=0)
    return bool(answer.get("Messages"))


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

    def plus(self, other: QueueAudit) -> QueueAudit:
        return QueueAudit(self.audited + other.audited, self.failed + other.failed, self.error or other.error)


def audit_messages(aws: Aws, queue_url: str, queue_arn: str, auditor: str) -> QueueAudit:
    """Invoke the auditor with every visible message, and delete each once its item exists.

    The queue is read until it is empty, because its counts can be a minute old. The queue mapping may do all this at
    the same time: an item is written once however often its message comes.
    """
    found, failed_in_a_row, empty_in_a_row = QueueAudit(), 0, 0
    while failed_in_a_row < _MOST_FAILED and empty_in_a_row < _MOST_EMPTY:
        received = [(message, queue_record(message, queue_arn, aws.region)) for message in _receive(aws, queue_url)]
        empty_in_a_row = 0 if received else empty_in_a_row + 1
        for batch in batches(received, _RECEIVED_AT_ONCE, lambda pair: pair[1]):
            failed, error = _audit(aws, auditor, [record for _, record in batch])
            done = [message for position, (message, _) in enumerate(batch) if position not in failed]
            _delete(aws, queue_url, done)
            failed_in_a_row = 0 if done else failed_in_a_row + 1
            found = found.plus(QueueAudit(len(done), len(failed), error))
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
    answer = invoke(aws, auditor, {"Records": records})
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
