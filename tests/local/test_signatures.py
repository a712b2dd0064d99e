"""Signatures of requests to the local emulator, as botocore makes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote, unquote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipectl.local.requests import Request
from pipectl.local.signatures import is_valid, signature_of

SECRET = "the secret"
HOST = "http://127.0.0.1:4566"


def signed(
    auth: Callable[..., SigV4Auth],
    service: str,
    url: str = "/",
    method: str = "POST",
    body: bytes = b"",
    secret: str = SECRET,
    headers: dict[str, str] | None = None,
) -> Request:
    """Return a request that botocore has signed, as it arrives."""
    made = AWSRequest(method, HOST + url, headers or {}, body)
    made.context["payload_signing_enabled"] = True
    auth(Credentials("000000000000", secret), service, "us-east-1").add_auth(made)
    prepared = made.prepare()
    address = urlsplit(prepared.url)
    arrived = {name.lower(): _text(value) for name, value in dict[str, object](prepared.headers).items()}
    arrived["host"] = address.netloc
    return Request(method, unquote(address.path), address.path, address.query, arrived, body)


def _text(value: object) -> str:
    return str(value, "ascii") if isinstance(value, bytes) else str(value)


def valid(request: Request, later: timedelta = timedelta()) -> bool:
    """Return whether a request is valid so long after it was signed."""
    signature = signature_of(request)
    if signature is None:
        return False
    signed_at = datetime.strptime(signature.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return is_valid(request, signature, SECRET, signed_at + later)


REQUESTS = {
    "JSON": partial(signed, SigV4Auth, "dynamodb", body=b"{}", headers={"x-amz-target": "A.GetItem"}),
    "a path with an ARN": partial(signed, SigV4Auth, "lambda", "/2015-03-31/functions/arn%3Aaws%3Alambda/code", "GET"),
    "a path that ends with a slash": partial(signed, SigV4Auth, "lambda", "/2015-03-31/event-source-mappings/", "GET"),
    "a query": partial(signed, SigV4Auth, "lambda", "/2015-03-31/functions/?MaxItems=10&Marker=a%2Fb%20c", "GET"),
    "a query in another order": partial(signed, SigV4Auth, "lambda", "/2015-03-31/functions/?b=2&a=1&a=0", "GET"),
    "an S3 object": partial(signed, S3SigV4Auth, "s3", "/bucket/data/2026%2B/a%20b~%C3%A9.json", "PUT", b"body"),
    "an S3 query": partial(signed, S3SigV4Auth, "s3", "/bucket?list-type=2&prefix=a%2F&delimiter=%2F", "GET"),
    "a presigned S3 object": partial(signed, S3SigV4QueryAuth, "s3", "/bucket/a%20b.json", "GET"),
    "a presigned query": partial(signed, SigV4QueryAuth, "sts", "/?Action=GetCallerIdentity&Version=2011-06-15", "GET"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_signature_of_the_secret_is_valid(name: str) -> None:
    assert valid(REQUESTS[name]())


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(
    "change",
    [
        lambda request: dataclasses.replace(request, method="DELETE"),
        lambda request: dataclasses.replace(request, raw_path=f"{request.raw_path}x"),
        lambda request: dataclasses.replace(request, query_string=f"{request.query_string}&x=1"),
        lambda request: dataclasses.replace(request, headers={**request.headers, "host": "127.0.0.1:1"}),
    ],
    ids=["method", "path", "query", "host"],
)
def test_changed_request_is_not_valid(name: str, change: Callable[[Request], Request]) -> None:
    assert not valid(change(REQUESTS[name]()))


@pytest.mark.parametrize("name", [name for name in REQUESTS if "presigned S3" not in name])
def test_changed_body_is_not_valid(name: str) -> None:
    assert not valid(dataclasses.replace(REQUESTS[name](), body=b"another body"))


def test_unsigned_payload_is_valid_for_s3_alone() -> None:
    unsigned = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    assert not valid(signed(SigV4Auth, "dynamodb", body=b"{}", headers=unsigned))


@pytest.mark.parametrize("auth", [SigV4Auth, SigV4QueryAuth])
def test_other_secret_is_not_valid(auth: Callable[..., SigV4Auth]) -> None:
    assert not valid(signed(auth, "sts", secret="test"))


@pytest.mark.parametrize("value", ["", "é", "0" * 64])
def test_other_value_of_a_signature_is_not_valid(value: str) -> None:
    request = REQUESTS["a presigned query"]()
    parts = [part for part in request.query_string.split("&") if not part.startswith("X-Amz-Signature=")]
    assert not valid(dataclasses.replace(request, query_string="&".join([*parts, f"X-Amz-Signature={quote(value)}"])))


@pytest.mark.parametrize(("minutes", "expected"), [(-16, False), (-15, True), (0, True), (15, True), (16, False)])
def test_signature_is_recent(minutes: int, expected: bool) -> None:
    assert valid(REQUESTS["JSON"](), timedelta(minutes=minutes)) is expected


@pytest.mark.parametrize(("seconds", "expected"), [(3600, True), (3601, False)])
def test_presigned_request_expires(seconds: int, expected: bool) -> None:
    assert valid(REQUESTS["a presigned query"](), timedelta(seconds=seconds)) is expected


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "AWS 000000000000:c2lnbmF0dXJl",
        "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/s3/aws4_request",
        "AWS4-ECDSA-P256-SHA256 Credential=000000000000/20260101/s3/aws4_request, SignedHeaders=host, Signature=00",
        REQUESTS["JSON"]().headers["authorization"] + "," + REQUESTS["JSON"]().headers["authorization"],
        REQUESTS["JSON"]().headers["authorization"].replace("Credential=", "Credential=ASIA/a/b/c/d, Credential="),
    ],
)
def test_other_authorization_is_no_signature(authorization: str) -> None:
    assert signature_of(Request("POST", "/", "/", "", {"authorization": authorization}, b"")) is None


@pytest.mark.parametrize("more", ["X-Amz-Credential=ASIA", "x-amz-credential=ASIA", "AWSAccessKeyId=ASIA"])
def test_second_credential_in_the_query_is_no_signature(more: str) -> None:
    for name in ("JSON", "a presigned query"):
        request = REQUESTS[name]()
        assert signature_of(dataclasses.replace(request, query_string=f"{request.query_string}&{more}")) is None


def test_unsigned_request_has_no_signature() -> None:
    assert signature_of(Request("POST", "/", "/", "", {}, b"")) is None
