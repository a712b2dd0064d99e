"""Messages of a queue in the form in which Lambda hands them to a function. Pure."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


def queue_record(message: MessageTypeDef, queue_arn: str, region: str) -> dict[str, object]:
    """Return a received message in the form of Lambda's SQS event, whose inner keys begin in lower case."""
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


def _text(value: object) -> object:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
