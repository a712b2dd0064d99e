"""Errors of the context: denied and interrupted reads."""

from __future__ import annotations

import json
import signal
import threading

import pytest

from pipectl.aws.client import Aws, Credentials
from pipectl.config.loading import load
from pipectl.context import Context, error_of
from pipectl.engine.model import Facts, Observation, Resource
from pipectl.engine.parallel import Results
from pipectl.errors import AccessDeniedError, AwsError, CancelledError, PipectlError, RequirementError
from pipectl.pipeline import Pipeline
from tests.engine.fakes import Account, FakeResource, denied
from tests.support import ACCOUNT, DEV_CONFIG, PATIENCE, REGION, FakeClock, Recorder


def context(*resources: Resource) -> Context:
    """Return a context with these resources."""
    aws = Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=FakeClock())
    made = Context(load(DEV_CONFIG), DEV_CONFIG, aws, Recorder())
    made.pipeline = Pipeline(made.config, made.file, aws, ACCOUNT)  # otherwise it asks STS for the account
    made.resources = {resource.key: resource for resource in resources}
    return made


class Closed(FakeResource):
    """A resource that the caller may not read."""

    def observe(self) -> Observation | None:
        error = AccessDeniedError(f"{self.key} denied")
        error.actions = (f"fake:Get{self.key.title()}", "fake:List")
        raise error


def test_all_denied_reads_are_in_one_error() -> None:
    account = Account()
    with pytest.raises(AccessDeniedError) as caught:
        context(Closed(account, "table"), Closed(account, "role"), FakeResource(account, "queue")).observe()
    assert caught.value.actions == ("fake:GetRole", "fake:GetTable", "fake:List")
    statement = {"Effect": "Allow", "Action": ["fake:GetRole", "fake:GetTable", "fake:List"], "Resource": "*"}
    assert json.dumps(statement) in str(caught.value.hint)


def test_one_denied_read_names_its_resource() -> None:
    with pytest.raises(AccessDeniedError) as caught:
        context(Closed(Account(), "table")).observe()
    assert caught.value.resource == "table"


def test_an_error_that_is_not_a_denied_read_comes_first() -> None:
    class Unreadable(FakeResource):
        def observe(self) -> Observation | None:
            raise denied(self.key)

    with pytest.raises(AwsError) as caught:
        context(Closed(Account(), "table"), Unreadable(Account(), "role")).observe()
    assert caught.value.resource == "role"


def test_a_cause_is_named_once_with_all_resources_that_failed_by_it() -> None:
    denied_call = AccessDeniedError("denied for a caller with a long name")
    denied_call.actions = ("lambda:CreateFunction",)
    results: Results[Facts] = Results(
        {"bucket": Facts()},
        {"processor": denied_call, "auditor": denied_call, "queue": PipectlError("no answer")},
        {"mapping": {"processor", "queue"}, "alarm": {"processor"}, "throttles": {"processor"}},
    )
    error = error_of(results, "up")
    assert error is not None
    assert error.message.split("\n") == [
        "3 of 7 resources failed",
        "auditor, processor: access denied: lambda:CreateFunction",
        "queue: no answer",
        "not started because of processor: alarm, throttles",
        "not started because of processor, queue: mapping",
    ]
    assert "`pipectl up` continues" in str(error.hint)


def test_ctrl_c_while_reading_ends_the_command_although_everything_was_read() -> None:
    noticed = threading.Event()

    class Slow(FakeResource):
        def observe(self) -> Observation | None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            assert noticed.wait(PATIENCE)
            return None

    made = context(Slow(Account(), "table"))
    made.cancel = noticed.set
    with pytest.raises(CancelledError):
        made.observe()


def test_only_resources_that_a_command_needs_whole_are_observed() -> None:
    class Counted(FakeResource):
        def identify(self) -> Observation | None:
            asked.append(f"identify {self.key}")
            return super().observe()

        def observe(self) -> Observation | None:
            asked.append(f"observe {self.key}")
            return super().observe()

    asked, account = list[str](), Account()
    made = context(*(Counted(account, key) for key in ("table", "role", "queue")))
    with pytest.raises(RequirementError) as caught:
        made.require(["table", "role"], or_absent=["queue"], whole=["role"])
    assert sorted(asked) == ["identify queue", "identify table", "observe role"]
    assert caught.value.missing == ("table", "role")


def test_an_interruption_counts_one_resource_in_the_singular() -> None:
    results: Results[Facts] = Results(done={"bucket": Facts()}, interrupted=True)
    error = error_of(results, "up")
    assert error is not None
    assert error.message == "interrupted: 1 resource done, not done: nothing"
