"""Messages in the form of Lambda's SQS event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipectl.aws.queue_records import queue_record

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef


def test_attributes_begin_in_lower_case_and_bytes_are_base64() -> None:
    attribute: MessageAttributeValueOutputTypeDef = {"DataType": "Binary", "BinaryValue": b"\0\1"}
    record = queue_record(
        {
            "MessageId": "1",
            "ReceiptHandle": "handle",
            "Body": "text",
            "MD5OfBody": "d4",
            "Attributes": {"SentTimestamp": "7"},
            "MessageAttributes": {"trace": attribute},
        },
        "arn:aws:sqs:us-east-1:123456789012:queue",
        "us-east-1",
    )
    assert json.loads(json.dumps(record)) == {
        "messageId": "1",
        "receiptHandle": "handle",
        "body": "text",
        "attributes": {"SentTimestamp": "7"},
        "messageAttributes": {"trace": {"dataType": "Binary", "binaryValue": "AAE="}},
        "md5OfBody": "d4",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue",
        "awsRegion": "us-east-1",
    }
