"""Damaged responses are retried like lost connections, and never a bug of pipectl."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipectl.aws.client import Aws, Credentials
from pipectl.errors import AwsError, UnreachableError
from tests.aws.servers import Reply, server
from tests.support import REGION, FakeClock

TABLE = json.dumps({"Table": {"TableName": "orders", "TableStatus": "ACTIVE"}}).encode()
CALLER = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>"
    b"</GetCallerIdentityResponse>"
)
PAGE = b"<!DOCTYPE html><html><body>Sign in to the network</body></html>"


def describe(aws: Aws) -> object:
    return aws.dynamodb.describe_table(TableName="orders")["Table"].get("TableName")


def account(aws: Aws) -> object:
    return aws.account_id


def policy(aws: Aws) -> object:
    return aws.s3.get_bucket_policy(Bucket="bucket")["Policy"]


def get(aws: Aws) -> object:
    return aws.s3.get_object(Bucket="bucket", Key="key")["Body"].read()


def invoke(aws: Aws) -> object:
    return aws.invoker.invoke(FunctionName="f", Payload=b"{}")["Payload"].read()


def client(url: str, warnings: list[str] | None = None, clock: FakeClock | None = None) -> Aws:
    return Aws(
        REGION,
        endpoint_url=url,
        credentials=Credentials("AKIATEST", "secret"),
        clock=clock or FakeClock(),
        warn=(warnings if warnings is not None else list[str]()).append,
    )


@pytest.mark.parametrize(
    ("damaged", "whole", "call", "answer"),
    [
        pytest.param(Reply(TABLE[:20]), TABLE, describe, "orders", id="JSON cut by a proxy"),
        pytest.param(Reply(TABLE[:20], cut=True), TABLE, describe, "orders", id="JSON cut by the connection"),
        pytest.param(Reply(TABLE.replace(b'"', b"\xff", 1)), TABLE, describe, "orders", id="JSON corrupted"),
        pytest.param(Reply(b"OK"), TABLE, describe, "orders", id="not JSON"),
        pytest.param(Reply(b"[]"), TABLE, describe, "orders", id="JSON of another form"),
        pytest.param(Reply(b""), TABLE, describe, "orders", id="empty"),
        pytest.param(Reply(PAGE), TABLE, describe, "orders", id="web page"),
        pytest.param(Reply(CALLER[:60]), CALLER, account, "123456789012", id="XML cut by a proxy"),
        pytest.param(Reply(b"<x/>"), CALLER, account, "123456789012", id="XML of another form"),
        pytest.param(Reply(b'{"Vers'), b'{"Version": "x"}', policy, '{"Version": "x"}', id="policy cut by a proxy"),
        pytest.param(Reply(b"half", cut=True), b"all of it", get, b"all of it", id="object cut"),
        pytest.param(Reply(b"half", cut=True), b"all of it", invoke, b"all of it", id="answer of a function cut"),
    ],
)
def test_a_damaged_response_is_retried(
    damaged: Reply, whole: bytes, call: Callable[[Aws], object], answer: object
) -> None:
    with server(damaged, damaged, Reply(whole)) as (url, paths):
        assert call(client(url)) == answer
    assert len(paths) == 3


@pytest.mark.parametrize(
    ("damaged", "call", "bound"),
    [
        pytest.param(Reply(TABLE[:20]), describe, 20, id="JSON cut"),
        pytest.param(Reply(b"half", cut=True), get, 20, id="object cut"),
        pytest.param(Reply(b"half", cut=True), invoke, 20, id="answer of a function cut"),
        pytest.param(Reply(PAGE), describe, 3, id="web page"),
        pytest.param(Reply(PAGE), account, 3, id="web page instead of the account"),
    ],
)
def test_a_response_that_stays_damaged_is_reported_after_the_bound(
    damaged: Reply, call: Callable[[Aws], object], bound: float
) -> None:
    clock = FakeClock()
    with server(damaged) as (url, paths), pytest.raises(UnreachableError) as caught:
        call(client(url, clock=clock))
    assert clock.seconds == pytest.approx(bound, abs=0.1)
    assert f"tried {len(paths)} times" in caught.value.message
    assert "--endpoint-url" in str(caught.value.hint)


def test_a_response_without_a_member_is_not_complete() -> None:
    with server(Reply(b"{}")) as (url, _), pytest.raises(UnreachableError) as caught:
        describe(client(url))
    assert "Table" in caught.value.message


def test_an_error_with_a_damaged_body_is_an_error_of_aws() -> None:
    with server(Reply(TABLE[:20], status=400)) as (url, _), pytest.raises(AwsError):
        describe(client(url))


@pytest.mark.parametrize(
    ("minutes", "word"), [(-4.0, "behind"), (4.0, "ahead"), (600.0, "ahead"), (0.5, None), (-0.9, None)]
)
@pytest.mark.parametrize("status", [200, 403])
def test_one_warning_when_the_local_clock_differs_by_more_than_a_minute(
    minutes: float, word: str | None, status: int
) -> None:
    clock, warnings = FakeClock(), list[str]()
    date = format_datetime((clock.now() - timedelta(minutes=minutes)).astimezone(UTC), usegmt=True)
    with server(Reply(TABLE, status, {"Date": date})) as (url, _):
        aws = client(url, warnings, clock)
        for _ in range(2):
            try:
                describe(aws)
            except AwsError:
                assert status == 403
    assert [str(word) in warning for warning in warnings] == ([True] if word else [])
    corrected = timedelta(minutes=minutes if abs(minutes) < 6 else 0)
    assert aws.now() == clock.now() - corrected


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": ""}])
def test_a_response_without_a_valid_date_gives_no_warning(headers: dict[str, str]) -> None:
    clock, warnings = FakeClock(), list[str]()
    clock.started = datetime(2000, 1, 1, tzinfo=UTC)
    with server(Reply(TABLE, headers=headers)) as (url, _):
        describe(client(url, warnings, clock))
    assert warnings == []
