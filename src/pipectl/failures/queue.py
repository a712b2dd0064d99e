"""What still lies in the dead-letter queue: audited first, so that no failure skips the trail."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from pipectl.aws.client import Aws
from pipectl.errors import AwsError

_RECEIVED_AT_ONCE = 10
_WAIT_SECONDS = 1
_HIDDEN_SECONDS = 60


def audit_what_waits(aws: Aws, queue_url: str, queue_arn: str, auditor: str) -> int:
    """Invoke the auditor with every message that is visible, and delete each once its item exists.

    The mapping may be doing the same at the same time: an item is written once however often its message comes.

    Returns:
        How many messages were audited.

    Raises:
        AwsError: the auditor failed; the messages stay in the queue.
    """
    audited = 0
    while messages := _receive(aws, queue_url):
        failed = _audit(aws, auditor, [_event_record(message, queue_arn, aws.region) for message in messages])
        done = [message for message in messages if message["MessageId"] not in failed]
        _delete(aws, queue_url, done)
        audited += len(done)
        if failed:
            raise _auditor_failed(f"the auditor {auditor} could not write {len(failed)} of {len(messages)} messages")
    return audited


def _receive(aws: Aws, queue_url: str) -> Sequence[Any]:
    answer = aws.sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=_RECEIVED_AT_ONCE,
        WaitTimeSeconds=_WAIT_SECONDS,
        VisibilityTimeout=_HIDDEN_SECONDS,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def _audit(aws: Aws, auditor: str, records: list[dict[str, Any]]) -> set[str]:
    """The ids of the messages that have no item now."""
    answer = aws.invoker.invoke(FunctionName=auditor, Payload=json.dumps({"Records": records}).encode())
    payload = answer["Payload"].read()
    said = payload[:500].decode(errors="replace")
    if answer.get("FunctionError"):
        raise _auditor_failed(f"the auditor {auditor} failed: {said}")
    try:
        failures = (json.loads(payload or b"null") or {}).get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise _auditor_failed(f"the auditor {auditor} answered what is no partial batch response: {said}") from None
    sent = {record["messageId"] for record in records}
    unknown = failed - sent
    return sent if unknown else failed  # as for Lambda: a name that is none makes the whole batch a failure


def _auditor_failed(what: str) -> AwsError:
    return AwsError(
        f"{what}; the messages stay in the queue",
        service="lambda",
        operation="Invoke",
        hint="`pipectl logs auditor` says why; once it is mended, run this again",
    )


def _delete(aws: Aws, queue_url: str, messages: Sequence[Any]) -> None:
    """A message that cannot be deleted comes again and is audited again, to the same item."""
    entries: Any = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
    if entries:
        aws.sqs.delete_message_batch(QueueUrl=queue_url, Entries=entries)


def _event_record(message: Any, queue_arn: str, region: str) -> dict[str, Any]:
    """A received message in the shape of Lambda's SQS event, whose inner keys begin in lower case."""
    attributes = {
        name: {key[0].lower() + key[1:]: _text(value) for key, value in attribute.items()}
        for name, attribute in message.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": attributes,
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
