"""The deployed package of a function, read from a real server: the bytes, every refusal, and every damaged answer."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from pipectl.aws.calls import Attempt, Call
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.function_code import deployed_package
from pipectl.clock import SystemClock
from pipectl.errors import AwsError, CancelledError, PipectlError, UnreachableError
from tests.aws.servers import Reply, server

BODY = b"PK\x03\x04" + bytes(100_000)
SECRET = "X-Amz-Signature=0123abcd"


def answering(url: str, changes: Mapping[str, Any] | None = None, body: bytes = BODY) -> tuple[Attempt, list[object]]:
    """Return an AWS that answers GetFunction with this URL, and the parameters that were sent."""
    asked: list[object] = []
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    configuration = {"CodeSize": len(body), "CodeSha256": digest}
    answer = {"Configuration": configuration, "Code": {"RepositoryType": "S3", "Location": url}} | dict(changes or {})

    def attempt(_: Call, parameters: Mapping[str, object], __: Callable[[], object]) -> object:
        asked.append(parameters)
        return answer

    return attempt, asked


def reader(endpoint: str | None, url: str, changes: Mapping[str, Any] | None = None, body: bytes = BODY) -> Aws:
    attempt, _ = answering(url, changes, body)
    return Aws("us-east-1", endpoint_url=endpoint, credentials=Credentials("1" * 12, "secret"), attempt=attempt)


@contextmanager
def problem_of(*replies: Reply, body: bytes = BODY) -> Iterator[list[PipectlError]]:
    """Read from a server; the error is in the list afterwards, and never has the URL's signature."""
    errors: list[PipectlError] = []
    with server(*replies) as (endpoint, _), pytest.raises(AwsError) as raised:
        deployed_package(reader(endpoint, f"{endpoint}/code?{SECRET}", body=body), "processor")
    errors.append(raised.value)
    assert SECRET not in str(raised.value)
    yield errors


def test_the_bytes_are_read_without_credentials() -> None:
    with server(Reply(BODY)) as (endpoint, paths):
        assert deployed_package(reader(endpoint, f"{endpoint}/a%2Fb/code?{SECRET}"), "processor") == BODY
    assert paths == [f"/a%2Fb/code?{SECRET}"]


@pytest.mark.parametrize(("version", "sent"), [(None, {}), ("7", {"Qualifier": "7"})])
def test_a_version_is_asked_for_by_its_number(version: str | None, sent: dict[str, str]) -> None:
    with server(Reply(BODY)) as (endpoint, _):
        attempt, asked = answering(f"{endpoint}/code")
        aws = Aws("us-east-1", endpoint_url=endpoint, credentials=Credentials("1" * 12, "secret"), attempt=attempt)
        deployed_package(aws, "processor", version)
    assert asked == [{"FunctionName": "processor"} | sent]


@pytest.mark.parametrize(
    "url",
    [
        *("", "no URL", "file:///etc/passwd", "ftp://s3.example/x", "http://s3.example/x", "http://127.0.0.1:1/x"),
        *("https://", "http://[::1", "//s3.example/x", "https:/x", "http://127.0.0.1:99999/x"),
    ],
)
def test_only_https_and_the_emulator_itself_are_read(url: str) -> None:
    with server(Reply(BODY)) as (endpoint, paths), pytest.raises(AwsError, match="not an HTTPS URL"):
        deployed_package(reader(endpoint, url), "processor")
    assert paths == []


def test_an_endpoint_that_is_not_this_machine_is_no_reason_to_read_without_tls() -> None:
    aws = reader("http://aws.example", "http://aws.example/code")
    with pytest.raises(AwsError, match="not an HTTPS URL"):
        deployed_package(aws, "processor")


def test_a_redirect_is_not_followed() -> None:
    with server(Reply(BODY)) as (other, paths):
        with problem_of(Reply(b"", 302, {"Location": f"{other}/x"})) as errors:
            assert errors[0].message == "S3 answered 302"
        assert paths == []


EXPIRED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(EXPIRED, 403), "S3 answered 403 AccessDenied: Request has expired"),
        (Reply(b"", 403), "S3 answered 403"),
        (Reply(b"\xff" * 1_000_000, 500), "S3 answered 500"),
        (Reply(b"<Code>" + b"x" * 1_000, 404), "S3 answered 404"),
        (Reply(BODY[:-1]), "the SHA-256"),
        (Reply(BODY[:-1] + b"x"), "the SHA-256"),
        (Reply(b""), "the SHA-256"),
        (Reply(BODY + bytes(10_000_000)), "the SHA-256"),
        (Reply(BODY, cut=True), "was lost"),
        (Reply(BODY[:5_000], cut=True), "the connection to 127.0.0.1 was lost"),
    ],
)
def test_another_answer_is_an_error_in_words(reply: Reply, words: str) -> None:
    with problem_of(reply) as errors:
        assert words in errors[0].message


def test_a_server_that_is_gone_is_unreachable() -> None:
    with server(Reply(BODY)) as (endpoint, _):
        pass
    with pytest.raises(UnreachableError, match=r"^127\.0\.0\.1 cannot be reached$"):
        deployed_package(reader(endpoint, f"{endpoint}/code?{SECRET}"), "processor")


def test_a_silent_server_costs_a_few_seconds_at_most() -> None:
    clock = Hurried()
    with server(Reply(BODY, hold=30)) as (endpoint, _):
        attempt, _ = answering(f"{endpoint}/code")
        aws = Aws("us-east-1", endpoint_url=endpoint, credentials=Credentials("1", "s"), attempt=attempt, clock=clock)
        start = time.monotonic()
        with pytest.raises(UnreachableError, match="not read within 6 seconds"):
            deployed_package(aws, "processor")
        assert time.monotonic() - start < 5


class Hurried(SystemClock):
    """A clock on which a second passes whenever somebody looks at it."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0

    def monotonic(self) -> float:
        self._seconds += 1
        return float(self._seconds)


def test_ctrl_c_ends_the_reading() -> None:
    clock = SystemClock()
    clock.cancel()
    with server(Reply(BODY, hold=30)) as (endpoint, _):
        attempt, _ = answering(f"{endpoint}/code")
        aws = Aws("us-east-1", endpoint_url=endpoint, credentials=Credentials("1", "s"), attempt=attempt, clock=clock)
        with pytest.raises(CancelledError):
            deployed_package(aws, "processor")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Code": {"RepositoryType": "ECR", "ImageUri": "x"}}, "container image"),
        ({"Code": {}}, "does not return where the package is stored"),
        ({"Code": {"Error": {"ErrorCode": "KMSAccessDenied", "Message": "no kms:Decrypt"}}}, "no kms:Decrypt"),
        ({"Configuration": {"CodeSize": 10**12, "CodeSha256": "x"}}, "1,000,000,000,000 bytes"),
    ],
)
def test_a_package_without_a_zip_to_read_is_an_error(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words):
        deployed_package(reader(None, "https://s3.example/x", changes), "processor")


def test_a_package_that_moto_does_not_store_is_an_error() -> None:
    attempt, _ = answering("")

    def without_code(*given: Any) -> object:
        answer = attempt(*given)
        assert isinstance(answer, dict)
        return {"Configuration": answer["Configuration"]}

    aws = Aws("us-east-1", credentials=Credentials("1", "s"), attempt=without_code)
    with pytest.raises(UnreachableError, match="the response has no Code"):
        deployed_package(aws, "processor")


def test_a_proxy_is_used_as_by_every_other_call(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(Reply(b"")) as (proxy, _):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(UnreachableError, match=r"^the proxy does not connect to s3\.example$"):
            deployed_package(reader(None, f"https://s3.example/code?{SECRET}"), "processor")


def test_the_emulator_is_read_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with server(Reply(BODY)) as (endpoint, _):
        assert deployed_package(reader(endpoint, f"{endpoint}/code"), "processor") == BODY


def test_a_server_without_tls_is_not_accepted_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    with server(Reply(BODY)) as (endpoint, _), pytest.raises(UnreachableError, match=r"127\.0\.0\.1"):
        deployed_package(reader(None, endpoint.replace("http:", "https:")), "processor")
