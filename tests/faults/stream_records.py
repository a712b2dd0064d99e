"""Records of a stream, and messages of its mapping about records that failed, as AWS writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipectl.timestamps import rfc3339_milliseconds
from tests.support import REGION


def new_record(image: Mapping[str, Any], number: str, at: datetime) -> dict[str, Any]:
    """Return the record of a new order, whose time is cut to the second."""
    return {
        "eventID": f"event-{number}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": at.replace(microsecond=0),
            "Keys": {"orderId": image["orderId"]},
            "NewImage": image,
            "SequenceNumber": number,
            "SizeBytes": 40,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def on_failure_message(
    stream: str, function: str, shard: str, record: Mapping[str, Any], at: datetime, condition: str
) -> dict[str, Any]:
    """Return the message about one record. One that was too old was not invoked, so it has no response."""
    number = record["dynamodb"]["SequenceNumber"]
    arrived = rfc3339_milliseconds(record["dynamodb"]["ApproximateCreationDateTime"])
    aged = condition == "RecordAgeExceeded"
    answered = {"responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}}
    return {
        "requestContext": {
            "requestId": f"request-{number}",
            "functionArn": function,
            "condition": condition,
            "approximateInvokeCount": 1 if aged else 4,
        },
        **({} if aged else answered),
        "version": "1.0",
        "timestamp": rfc3339_milliseconds(at),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": number,
            "endSequenceNumber": number,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": stream,
        },
    }
