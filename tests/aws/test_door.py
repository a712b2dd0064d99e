"""The one door: settings, accounts, credentials, waiting, and what a user sees when nobody answers."""

from __future__ import annotations

import socket
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipectl.aws.client import Aws, Call, Credentials, known_runtimes, regions
from pipectl.clock import SystemClock, pauses
from pipectl.errors import (
    AbsentError,
    CancelledError,
    CredentialsError,
    UnreachableError,
    UsageError,
    WaitTimeoutError,
    WrongAccountError,
)
from tests.aws.fakes import Wire, caller, client_error, first, xml_error
from tests.support import REGION, FakeClock

SERVICES = ("cloudwatch", "dynamodb", "streams", "iam", "lambda_", "logs", "s3", "sqs", "sts")
KEYS = Credentials("AKIATEST", "secret")


def test_every_call_is_told_before_it_leaves_each_try_anew(wire: Wire) -> None:
    wire.meets = first(xml_error("Throttling", "Rate exceeded"), caller())
    wire.call("sts", "GetCallerIdentity")
    assert wire.calls == [Call("sts", "GetCallerIdentity")] * 2


@pytest.mark.parametrize(
    ("operation", "reads"),
    [
        ("GetRole", True),
        ("ListTags", True),
        ("DescribeTable", True),
        ("HeadBucket", True),
        ("Query", True),
        ("Scan", True),
        ("FilterLogEvents", True),
        ("CreateRole", False),
        ("PutObject", False),
        ("UpdateTable", False),
        ("DeleteQueue", False),
        ("TagResource", False),
        ("Invoke", False),
        ("ReceiveMessage", False),
    ],
)
def test_reading_is_told_by_the_operations_name(operation: str, reads: bool) -> None:
    assert Call("any", operation).reads is reads


def test_the_account_is_asked_for_once(wire: Wire) -> None:
    wire.meets = lambda: caller("111122223333")
    wire.call("sts", "GetCallerIdentity")
    wire.calls.clear()
    assert wire.aws.account_id == wire.aws.account_id == "111122223333"
    assert len(wire.calls) == 1


def test_another_account_than_the_configs_is_refused_by_both_names(wire: Wire) -> None:
    wire.meets = lambda: caller("111122223333")
    wire.call("sts", "GetCallerIdentity")
    with pytest.raises(WrongAccountError) as caught:
        wire.aws.require_account("444455556666")
    assert "111122223333" in caught.value.message
    assert "444455556666" in caught.value.message
    assert "nothing was touched" in caught.value.message


def test_the_configs_account_is_let_through_and_none_asks_nobody(wire: Wire) -> None:
    wire.aws.require_account(None)
    assert wire.calls == []
    wire.meets = lambda: caller("111122223333")
    wire.call("sts", "GetCallerIdentity")
    wire.aws.require_account("111122223333")


@pytest.mark.parametrize("service", SERVICES)
def test_settings_of_every_client(service: str, wire: Wire) -> None:
    config = getattr(wire.aws, service).meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout == 5
    assert config.read_timeout > (900 if service == "lambda_" else 60)
    assert "pipectl" in config.user_agent_extra


def test_a_client_is_made_once(wire: Wire) -> None:
    assert wire.aws.iam is wire.aws.iam


def test_the_partition_follows_from_the_region() -> None:
    assert Aws("eu-central-1", credentials=KEYS).partition == "aws"
    assert Aws("cn-north-1", credentials=KEYS).partition == "aws-cn"


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_where_nobody_answers_the_user_waits_seconds_not_minutes(closed_port: str) -> None:
    clock, said = FakeClock(), list[str]()
    start = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        _ = Aws(REGION, endpoint_url=closed_port, credentials=KEYS, clock=clock, say=said.append).account_id
    assert clock.seconds + (time.monotonic() - start) < 5
    assert closed_port in caught.value.message
    assert "--endpoint-url" in str(caught.value.hint)
    assert said == ["waiting: nobody answers at the endpoint (sts GetCallerIdentity)"]


@pytest.mark.parametrize("endpoint", ["localhost:4566", "nonsense", "http://", "http://a b"])
def test_an_endpoint_that_is_no_url_is_a_usage_error(endpoint: str) -> None:
    with pytest.raises(UsageError) as caught:
        _ = Aws(REGION, endpoint_url=endpoint, credentials=KEYS).account_id
    assert "--endpoint-url" in str(caught.value.hint)


def test_no_credentials_say_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsError) as caught:
        _ = Aws(REGION).account_id
    for words in ("--profile", "aws sso login", "--local"):
        assert words in str(caught.value.hint)


def test_half_of_the_credentials_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialsError, match="AWS_SECRET_ACCESS_KEY"):
        _ = Aws(REGION).account_id


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_an_unknown_profile_is_named(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "environment":
        monkeypatch.setenv("AWS_PROFILE", "nowhere")
    with pytest.raises(CredentialsError, match="nowhere") as caught:
        Aws(REGION, profile="nowhere" if how == "flag" else None)
    assert "AWS_PROFILE" in str(caught.value.hint)


def test_a_config_file_of_aws_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("profile = [\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(CredentialsError):
        _ = Aws(REGION).account_id


def test_credentials_given_outright_win_over_an_unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    wire = Wire(lambda: caller("111122223333"))
    wire.call("sts", "GetCallerIdentity")
    assert wire.aws.account_id == "111122223333"


def test_regions_and_runtimes_come_from_botocore() -> None:
    assert {"us-east-1", "eu-central-1", "cn-north-1"} <= set(regions())
    assert "mars" not in regions()
    assert "python3.14" in known_runtimes()


def test_waiting_asks_at_once_and_ends_as_soon_as_it_is_ready(wire: Wire) -> None:
    asked: list[float] = []

    def ready() -> bool:
        asked.append(wire.clock.seconds)
        return len(asked) == 3

    wire.aws.wait(ready, "the table", 60)
    assert asked == [0.0, 0.25, pytest.approx(0.55)]
    assert wire.said == []


def test_waiting_for_long_says_once_what_for(wire: Wire) -> None:
    wire.aws.wait(lambda: wire.clock.seconds > 20, "table t to become ACTIVE", 60)
    assert wire.said == ["waiting for table t to become ACTIVE"]


def test_waiting_is_bounded_and_looks_a_last_time(wire: Wire) -> None:
    asked: list[float] = []

    def ready() -> bool:
        asked.append(wire.clock.seconds)
        return False

    with pytest.raises(WaitTimeoutError, match="waited for table t") as caught:
        wire.aws.wait(ready, "table t", 60)
    assert asked[-1] == pytest.approx(60)
    assert f"(tried {len(asked)} times in 60 seconds)" in caught.value.message
    assert "again" in str(caught.value.hint)


def test_what_is_absent_is_waited_for_and_awss_last_words_are_told(wire: Wire) -> None:
    def ready() -> bool:
        raise AbsentError("dynamodb DescribeTable: ResourceNotFoundException: no table t")

    with pytest.raises(WaitTimeoutError, match=r"waited for table t: .*no table t"):
        wire.aws.wait(ready, "table t", 60)


def test_pauses_are_dense_at_first_and_two_seconds_after_half_a_minute() -> None:
    clock = FakeClock()
    waited = list(pauses(clock, 60))
    steps = [b - a for a, b in pairwise(waited)]
    assert steps[0] == 0.25
    assert all(step <= 0.5 + 1e-9 for step, at in zip(steps, waited, strict=False) if at <= 30)
    assert all(step == pytest.approx(2.0) for step, at in zip(steps[:-1], waited, strict=False) if at > 30)
    assert waited[-1] == pytest.approx(60)


def test_pauses_end_with_a_clock_that_is_late() -> None:
    clock = FakeClock()
    clock.seconds = 1e9
    assert list(pauses(clock, 0.7))[-1] == pytest.approx(0.7)


def test_cancelling_ends_a_sleep_that_is_under_way_and_every_later_one() -> None:
    clock = SystemClock()
    ended: list[str] = []

    def sleep() -> None:
        try:
            clock.sleep(60)
        except CancelledError:
            ended.append("cancelled")

    thread = threading.Thread(target=sleep)
    thread.start()
    clock.cancel()
    thread.join(20)
    assert ended == ["cancelled"]
    with pytest.raises(CancelledError):
        clock.sleep(60)


def test_cancelling_ends_the_waiting_for_an_error_to_pass() -> None:
    clock = SystemClock()
    aws = Aws(REGION, credentials=KEYS, clock=clock, say=lambda _: clock.cancel())

    def throttle(**_: object) -> None:
        raise client_error("Throttling", "Rate exceeded")

    aws.sts.meta.events.register_first("before-call", throttle)
    with pytest.raises(CancelledError):
        aws.sts.get_caller_identity()


def test_the_system_clock_tells_the_time_in_utc_and_only_goes_on() -> None:
    clock = SystemClock()
    assert clock.now().tzname() == "UTC"
    before = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= before
