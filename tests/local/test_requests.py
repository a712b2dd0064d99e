"""The parts of a request, whatever the protocol."""

from __future__ import annotations

import pytest

from pipectl.local.requests import Request

FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0"

PRESIGNED = "X-Amz-Credential=AKIATEST%2F20260101%2Feu-west-1%2Fs3%2Faws4_request"


def request(
    path: str = "/", headers: dict[str, str] | None = None, body: bytes = b"", query_string: str = ""
) -> Request:
    return Request("POST", path, path, query_string, headers or {}, body)


@pytest.mark.parametrize(
    ("made", "operation"),
    [
        (request(headers={"x-amz-target": "AmazonSQS.SendMessage"}), "SendMessage"),
        (request("/service/GraniteServiceVersion20100801/operation/PutMetricAlarm"), "PutMetricAlarm"),
        (request(headers=FORM, body=b"Action=SendMessage&MessageBody=a"), "SendMessage"),
        (request(headers=FORM, body=b"\xff"), ""),
        (request("/2015-03-31/functions"), ""),
    ],
)
def test_operation(made: Request, operation: str) -> None:
    assert made.operation == operation


@pytest.mark.parametrize(
    ("made", "key", "region"),
    [
        (request(headers={"authorization": SIGNED}), "AKIATEST", "eu-west-1"),
        (request(query_string=PRESIGNED), "AKIATEST", "eu-west-1"),
        (request(query_string="X-Amz-Credential=AKIATEST"), "AKIATEST", ""),
        (request(headers={"authorization": "Basic abc"}), "", ""),
        (request(), "", ""),
    ],
)
def test_credentials(made: Request, key: str, region: str) -> None:
    assert (made.access_key, made.region) == (key, region)
