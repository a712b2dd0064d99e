"""The message that Lambda sends to the on-failure destination of a stream mapping. Pure.

It has no records, only their range in the stream.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from pipectl.local.batching import Failure, arrival, sequence_number
from pipectl.timestamps import rfc3339, rfc3339_milliseconds


def failure_message(
    failure: Failure, *, function_arn: str, stream_arn: str, shard_id: str, now: float
) -> dict[str, Any]:
    """Return the body of the message, as plain data. ``now`` is in epoch seconds.

    ``responseContext`` is missing when the records became too old; the count is 1 even if they were never invoked. Its
    ``functionError`` is null when the function reported the records without raising.
    """
    first, last, outcome = failure.records[0], failure.records[-1], failure.outcome
    message: dict[str, Any] = {
        "requestContext": {
            "requestId": outcome.request_id or str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": failure.condition,
            "approximateInvokeCount": max(failure.invocations, 1),
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": outcome.version,
            "functionError": "Unhandled" if outcome.raised else None,
        },
        "version": "1.0",
        "timestamp": rfc3339_milliseconds(_time(now)),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": sequence_number(first),
            "endSequenceNumber": sequence_number(last),
            "approximateArrivalOfFirstRecord": rfc3339(_time(arrival(first))),
            "approximateArrivalOfLastRecord": rfc3339(_time(arrival(last))),
            "batchSize": len(failure.records),
            "streamArn": stream_arn,
        },
    }
    if failure.condition == "RecordAgeExceeded":
        del message["responseContext"]
    return message


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
