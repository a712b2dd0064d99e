"""Stream records in the shape of a Lambda event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipectl.aws.stream_records import event_record, kept_record

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
    + [
        f'{{"dynamodb": {{"SequenceNumber": {number}}}}}' for number in ("7", "null", '""', '"1_0"', '" 1"', '"\u0663"')
    ],
)
def test_what_was_kept_and_is_no_record(text: str | bytes) -> None:
    assert kept_record(text) is None
