"""AWS clients: settings, account, waits, and an endpoint that is unreachable."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from pipectl.aws.calls import Call, Parameters
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.settings import regions
from pipectl.aws.waits import Portion
from pipectl.clock import SystemClock, poll
from pipectl.errors import (
    AbsentError,
    CancelledError,
    UnreachableError,
    UsageError,
    WaitTimeoutError,
    WrongAccountError,
)
from tests.aws.fakes import Wire, caller, client_error, first, xml_error
from tests.support import PATIENCE, REGION, FakeClock

SERVICES = ("cloudwatch", "dynamodb", "streams", "iam", "lambda_", "invoker", "logs", "s3", "sqs", "sts", "tagging")
KEYS = Credentials("AKIATEST", "secret")


def test_every_attempt_is_reported_before_it_is_sent(wire: Wire) -> None:
    wire.meets = first(xml_error("Throttling", "Rate exceeded"), caller())
    wire.call("sts", "GetCallerIdentity")
    assert wire.calls == [Call("sts", "GetCallerIdentity")] * 2


def test_the_account_is_read_once(wire: Wire) -> None:
    wire.meets = lambda: caller("111122223333")
    wire.call("sts", "GetCallerIdentity")
    wire.calls.clear()
    assert wire.aws.account_id == wire.aws.account_id == "111122223333"
    assert len(wire.calls) == 1


def test_another_account_is_refused_with_both_numbers(wire: Wire) -> None:
    wire.meets = lambda: caller("111122223333")
    wire.call("sts", "GetCallerIdentity")
    with pytest.raises(WrongAccountError) as caught:
        wire.aws.require_account("444455556666")
    assert "111122223333" in caught.value.message
    assert "444455556666" in caught.value.message


def test_the_expected_account_is_accepted_and_none_makes_no_call(wire: Wire) -> None:
    wire.aws.require_account(None)
    assert wire.calls == []
    wire.meets = lambda: caller("111122223333")
    wire.call("sts", "GetCallerIdentity")
    wire.aws.require_account("111122223333")


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_of_every_client(service: str, wire: Wire) -> None:
    config = getattr(wire.aws, service).meta.config
    assert config.retries["total_max_attempts"] == 1
    assert config.connect_timeout == 5
    assert config.read_timeout > (900 if service == "invoker" else 60)
    assert config.read_timeout < (1000 if service == "invoker" else 120)
    assert "pipectl" in config.user_agent_extra


def test_a_client_is_created_once(wire: Wire) -> None:
    assert wire.aws.iam is wire.aws.iam


def answering_after_the_client_of_sqs(*prepared: str) -> Aws:
    """Return AWS whose call for the account is answered when another thread has begun to create the client of SQS."""
    created = threading.Event()

    def attempt(_call: Call, _parameters: Parameters, _send: Callable[[], object]) -> object:
        assert created.wait(PATIENCE)
        return {"Account": "111122223333"}

    aws = Aws(REGION, credentials=KEYS, attempt=attempt, prepared=prepared)
    aws._session.events.register("creating-client-class.sqs", lambda **_: created.set())
    return aws


def test_clients_are_created_while_the_call_for_the_account_waits() -> None:
    assert answering_after_the_client_of_sqs("iam", "sqs").account_id == "111122223333"


def test_a_client_that_cannot_be_created_is_reported_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "nonsense")
    aws = answering_after_the_client_of_sqs("s3", "sqs")
    assert aws.account_id == "111122223333"
    with pytest.raises(UsageError, match="nonsense"):
        _ = aws.s3
    assert capsys.readouterr().err == ""


def test_the_partition_is_that_of_the_region() -> None:
    assert Aws("eu-central-1", credentials=KEYS).partition == "aws"
    assert Aws("cn-north-1", credentials=KEYS).partition == "aws-cn"


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_an_unreachable_endpoint_is_reported_within_seconds(closed_port: str) -> None:
    clock, said = FakeClock(), list[str]()
    start = time.monotonic()
    with pytest.raises(UnreachableError) as caught:
        _ = Aws(REGION, endpoint_url=closed_port, credentials=KEYS, clock=clock, say=said.append).account_id
    assert clock.seconds + (time.monotonic() - start) < 5
    assert closed_port in caught.value.message
    assert "--endpoint-url" in str(caught.value.hint)
    assert said == ["waiting: endpoint unreachable (sts GetCallerIdentity)"]


@pytest.mark.parametrize("endpoint", ["localhost:4566", "nonsense", "http://", "http://a b"])
def test_an_invalid_endpoint_url_is_a_usage_error(endpoint: str) -> None:
    with pytest.raises(UsageError) as caught:
        _ = Aws(REGION, endpoint_url=endpoint, credentials=KEYS).account_id
    assert "--endpoint-url" in str(caught.value.hint)


def test_explicit_credentials_win_over_an_unknown_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    wire = Wire(lambda: caller("111122223333"))
    wire.call("sts", "GetCallerIdentity")
    assert wire.aws.account_id == "111122223333"


def test_regions_come_from_botocore() -> None:
    assert {"us-east-1", "eu-central-1", "cn-north-1"} <= set(regions())
    assert "mars" not in regions()


def test_a_wait_polls_at_once_and_ends_when_it_is_ready(wire: Wire) -> None:
    asked: list[float] = []

    def ready() -> bool:
        asked.append(wire.clock.seconds)
        return len(asked) == 3

    wire.aws.wait(ready, "the table", 60)
    assert asked == [0.0, 0.25, pytest.approx(0.50625)]
    assert wire.said == []


def test_a_long_wait_is_reported_once(wire: Wire) -> None:
    wire.aws.wait(lambda: wire.clock.seconds > 20, "table t to become ACTIVE", 60)
    assert wire.said == ["waiting for table t to become ACTIVE"]


def test_a_wait_is_shown_from_its_second_poll_until_it_ends(wire: Wire) -> None:
    shown: list[str | Portion | None] = []
    wire.aws.awaits = shown.append
    wire.aws.wait(lambda: True, "the table to become ACTIVE", 60)
    assert shown == []
    answers = iter([False, False, True])
    wire.aws.wait(lambda: next(answers), "the table to become ACTIVE", 60)
    assert shown == ["the table to become ACTIVE", None]
    with pytest.raises(WaitTimeoutError):
        wire.aws.wait(lambda: False, "the role", 10)
    assert shown[2:] == ["the role", None]
    wire.aws.awaits = lambda _: None


def test_a_wait_is_bounded_and_polls_a_last_time(wire: Wire) -> None:
    asked: list[float] = []

    def ready() -> bool:
        asked.append(wire.clock.seconds)
        return False

    with pytest.raises(WaitTimeoutError, match="waited for table t") as caught:
        wire.aws.wait(ready, "table t", 60)
    assert asked[-1] == pytest.approx(60)
    assert f"(tried {len(asked)} times in 60 seconds)" in caught.value.message
    assert "again" in str(caught.value.hint)


def test_a_wait_reports_the_last_error_of_an_absent_resource(wire: Wire) -> None:
    def ready() -> bool:
        raise AbsentError("dynamodb DescribeTable: ResourceNotFoundException: no table t")

    with pytest.raises(WaitTimeoutError, match=r"waited for table t: .*no table t"):
        wire.aws.wait(ready, "table t", 60)


def test_polls_are_frequent_for_half_a_minute_and_every_two_seconds_later() -> None:
    clock = FakeClock()
    waited = list(poll(clock, 60))
    steps = [b - a for a, b in pairwise(waited)]
    assert steps[0] == 0.25
    assert all(step <= 0.5 + 1e-9 for step, at in zip(steps, waited, strict=False) if at <= 30)
    assert all(step == pytest.approx(2.0) for step, at in zip(steps[:-1], waited, strict=False) if at > 30)
    assert waited[-1] == pytest.approx(60)


def test_the_next_poll_starts_after_the_interval_also_if_a_poll_takes_long() -> None:
    clock, started = FakeClock(), list[float]()
    for took, waited in zip((0.1, 0.0, 3.0, 0.0), poll(clock, 60), strict=False):
        started.append(waited)
        clock.sleep(took)
    steps = [b - a for a, b in pairwise(started)]
    assert steps == [pytest.approx(0.25), pytest.approx(0.25625), pytest.approx(3.13, abs=0.01)]


def test_polls_end_on_a_clock_that_starts_late() -> None:
    clock = FakeClock()
    clock.seconds = 1e9
    assert list(poll(clock, 0.7))[-1] == pytest.approx(0.7)


def test_cancel_ends_a_running_sleep_and_every_later_one() -> None:
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
    thread.join(PATIENCE)
    assert ended == ["cancelled"]
    with pytest.raises(CancelledError):
        clock.sleep(60)


def test_cancel_ends_the_retries() -> None:
    clock = SystemClock()
    aws = Aws(REGION, credentials=KEYS, clock=clock, say=lambda _: clock.cancel())

    def throttle(**_: object) -> None:
        raise client_error("Throttling", "Rate exceeded")

    aws.sts.meta.events.register_first("before-call", throttle)
    with pytest.raises(CancelledError):
        aws.sts.get_caller_identity()


def test_the_system_clock_is_in_utc_and_monotonic() -> None:
    clock = SystemClock()
    assert clock.now().tzname() == "UTC"
    before = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= before
