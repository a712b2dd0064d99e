"""The shape of https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html, key by key."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from pipectl.local.batching import Condition, Failure, Outcome, Record
from pipectl.local.failure_message import failure_message

FUNCTION_ARN = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"
STREAM_ARN = "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"


def record(sequence_number: str, arrival: int) -> Record:
    return {"dynamodb": {"SequenceNumber": sequence_number, "ApproximateCreationDateTime": arrival}}


RECORDS = [record("800000000003126276362", 1573690398), record("800000000003126276363", 1573690399)]

RAISED = Outcome(raised=True)


def message(condition: Condition = "RetryAttemptsExhausted", invocations: int = 4, outcome: Outcome = RAISED) -> Any:
    failure = Failure(RECORDS, condition, invocations, outcome)
    return failure_message(
        failure, function_arn=FUNCTION_ARN, stream_arn=STREAM_ARN, shard_id="shardId-1", now=1573690429.7174
    )


def test_names_the_range_of_the_records_and_holds_none() -> None:
    body = message()
    assert UUID(body["requestContext"].pop("requestId"))
    assert body == {
        "requestContext": {
            "functionArn": FUNCTION_ARN,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 4,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1",
            "startSequenceNumber": "800000000003126276362",
            "endSequenceNumber": "800000000003126276363",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:13:18Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:13:19Z",
            "batchSize": 2,
            "streamArn": STREAM_ARN,
        },
    }


def test_names_no_error_for_records_that_were_only_reported() -> None:
    assert message(outcome=Outcome())["responseContext"]["functionError"] is None


def test_names_the_version_and_the_request_of_the_last_invocation() -> None:
    body = message(outcome=Outcome(raised=True, version="7", request_id="c6af9ac6"))
    assert body["responseContext"]["executedVersion"] == "7"
    assert body["requestContext"]["requestId"] == "c6af9ac6"


@pytest.mark.parametrize(("invocations", "counted"), [(0, 1), (8, 8)])
def test_has_no_response_for_records_that_became_too_old(invocations: int, counted: int) -> None:
    body = message("RecordAgeExceeded", invocations)
    assert body["requestContext"]["condition"] == "RecordAgeExceeded"
    assert body["requestContext"]["approximateInvokeCount"] == counted
    assert "responseContext" not in body
