"""Stream records in the shape of a Lambda event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipectl.aws.stream_records import Cause, Kept, event_record, kept_record

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"


def test_boto3s_types_become_those_of_a_lambda_event() -> None:
    image = {"id": {"S": "a"}, "blob": {"B": b"\x00\xff"}, "blobs": {"BS": [b"x"]}, "deep": {"M": {"l": {"L": []}}}}
    record: Any = {
        "eventID": "e",
        "dynamodb": {"ApproximateCreationDateTime": datetime(2026, 1, 1, tzinfo=UTC), "NewImage": image},
    }
    event = event_record(record, STREAM_ARN)
    assert json.loads(json.dumps(event)) == {
        "eventID": "e",
        "eventSourceARN": STREAM_ARN,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767225600,
            "NewImage": {
                "id": {"S": "a"},
                "blob": {"B": "AP8="},
                "blobs": {"BS": ["eA=="]},
                "deep": {"M": {"l": {"L": []}}},
            },
        },
    }


def test_the_identity_of_an_expiry_is_spelled_as_lambda_does() -> None:
    record: Any = {"userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}, "dynamodb": {}}
    identity = event_record(record, STREAM_ARN)["userIdentity"]
    assert identity == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{", "7", "[]", '"a"', '{"dynamodb": 7}', b"\xff", '{"dynamodb": {"SequenceNumber": "9-"}}']
    + ['{"record": 7}', '{"record": {}}', '{"record": "dynamodb"}', '{"record": {"record": {}}}', '"record"']
    + [
        f'{{"dynamodb": {{"SequenceNumber": {number}}}}}' for number in ("7", "null", '""', '"1_0"', '" 1"', '"\u0663"')
    ],
)
def test_what_was_kept_and_is_no_record(text: str | bytes) -> None:
    assert kept_record(text) is None


RECORD: Any = {"eventID": "e", "dynamodb": {"SequenceNumber": "1"}}
FAILURE = {
    "reason": "InvalidOrderError: no",
    "failedAt": "2026-01-02T03:04:05.678Z",
    "requestId": "r-1",
    "functionVersion": "7",
}
CAUSE = Cause("InvalidOrderError: no", datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), "r-1", "7")


@pytest.mark.parametrize("kept", [Kept(RECORD), Kept(RECORD, CAUSE), Kept(RECORD, Cause("only a reason"))])
def test_a_record_is_kept_with_its_cause_or_without_one(kept: Kept) -> None:
    assert kept_record(kept.json()) == kept


def test_the_cause_has_the_names_that_the_processor_writes() -> None:
    assert json.loads(Kept(RECORD, CAUSE).json()) == {"record": RECORD, "failure": FAILURE}


@pytest.mark.parametrize(
    "failure",
    [None, 7, [], "reason", {}, {"reason": None}, {"reason": 7}, {"reason": ["x"]}, {"reason": ""}, {"other": "x"}],
)
def test_a_failure_without_a_reason_is_no_cause(failure: object) -> None:
    assert kept_record(json.dumps({"record": RECORD, "failure": failure})) == Kept(RECORD)


@pytest.mark.parametrize("odd", [None, 7, [], {}, True])
def test_other_values_of_a_cause_that_have_another_type_are_left_out(odd: object) -> None:
    failure = {"reason": "r", "failedAt": odd, "requestId": odd, "functionVersion": odd}
    assert kept_record(json.dumps({"record": RECORD, "failure": failure})) == Kept(RECORD, Cause("r"))


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30T00:00:00Z", "0000", "9999-12-31T23:59:59Z", "20260101x"])
def test_a_cause_at_no_valid_time_has_none(text: str) -> None:
    assert kept_record(json.dumps({"record": RECORD, "failure": {"reason": "r", "failedAt": text}})) == Kept(
        RECORD, Cause("r")
    )
