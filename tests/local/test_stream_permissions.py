"""Which stream IAM takes a DynamoDB Streams call to be about."""

from __future__ import annotations

import base64
import json

import pytest

from pipectl.local.stream_permissions import naming_streams

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"


def iterator(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def resource_of(body: bytes, service: str = "dynamodbstreams") -> str:
    extract = naming_streams(lambda *_: "what MiniStack says")
    return extract(service, "POST", "/", {}, body, "000000000000")


@pytest.mark.parametrize(
    "request_body",
    [
        {"StreamArn": STREAM_ARN},
        {"StreamArn": STREAM_ARN, "ShardId": "shardId-1", "ShardIteratorType": "LATEST"},
        {"ShardIterator": iterator(json.dumps({"arn": STREAM_ARN, "p": 7}).encode()), "Limit": 1},
    ],
)
def test_it_is_the_stream_that_is_named(request_body: dict[str, object]) -> None:
    assert resource_of(json.dumps(request_body).encode()) == STREAM_ARN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b"{}",
        json.dumps({"StreamArn": 1}).encode(),
        json.dumps({"ShardIterator": "a"}).encode(),
        json.dumps({"ShardIterator": iterator(b"not JSON")}).encode(),
    ],
)
def test_it_is_left_to_ministack_where_none_is_named(body: bytes) -> None:
    assert resource_of(body) == "what MiniStack says"


def test_other_services_are_left_to_ministack() -> None:
    assert resource_of(json.dumps({"StreamArn": STREAM_ARN}).encode(), "kinesis") == "what MiniStack says"
