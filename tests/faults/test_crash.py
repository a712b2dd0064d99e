"""Runs killed at a call: the next run reaches the state that an undisturbed run reaches.

A run is killed before or after its k-th call, and from then on its threads get no call through. By default that is
done once for every fourth kind of write of each scene; `CRASHES=every` does it before and after every call, without and
with delays.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.calls import Call
from pipectl.commands.down import down
from pipectl.commands.up import up
from tests import moto_snapshot
from tests.faults.account import SimulatedAccount, simulated_account
from tests.faults.clock import VirtualClock
from tests.faults.faulty_aws import Fault, FaultyAws, answer_lost, throttled
from tests.support import reads, yes

EVERY = os.environ.get("CRASHES") == "every"
PARTS = 8 if EVERY else 1
"""Number of tests that share the points of one scene."""
EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
Command = Callable[[SimulatedAccount], object]


class Killed(BaseException):
    """The process died."""


@dataclass
class Mortal:
    """A run of pipectl that is killed at a call.

    Args:
        attempt: Carries out a call.
        kill_at: Number of the call, from 1, at which it is killed; 0 for none.
        after: Kill it after the call was carried out, not before.
    """

    attempt: Callable[..., Any]
    kill_at: int = 0
    after: bool = False
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._dead = False

    def __call__(self, call: Call, params: Any, send: Callable[[], Any]) -> Any:
        with self._lock:
            self._live()
            self.calls.append(call)
            mine = len(self.calls) == self.kill_at
            self._dead = mine and not self.after
            self._live()
        try:
            return self.attempt(call, params, send)
        finally:
            self._dead = self._dead or mine
            self._live()

    def _live(self) -> None:
        if self._dead:
            raise Killed


def up_(here: SimulatedAccount) -> object:
    return up(here.world.context(), yes)


def replaced(here: SimulatedAccount) -> object:
    return up(here.world.context(), yes, allow_stream_replacement=True)


def down_(here: SimulatedAccount) -> object:
    return down(here.world.context(), yes, delete_data=True)


_existing: list[tuple[moto_snapshot.State, tuple[Any, ...]]] = []


def existing(here: SimulatedAccount) -> None:
    """Bring the account to the state after `up`, which runs once where there are neither faults nor delays."""
    if here.faulty.slow or here.faulty.fault:
        up(here.world.context(), yes)
    elif _existing:
        (state, memory) = _existing[0]
        moto_snapshot.restore(state)
        here.faulty.recall(memory)
    else:
        up(here.world.context(), yes)
        _existing.append((moto_snapshot.saved(), here.faulty.memory()))


def drifted(here: SimulatedAccount) -> None:
    """Delete or change a resource of every kind."""
    existing(here)
    names, aws = here.world.context().pipeline.physical, here.direct.aws
    aws.iam.delete_role_policy(RoleName=names.auditor_role, PolicyName="auditor-permissions")
    everything = aws.iam.create_policy(PolicyName="everything", PolicyDocument=EVERYTHING)["Policy"]["Arn"]
    aws.iam.attach_role_policy(RoleName=names.processor_role, PolicyArn=str(everything))
    aws.dynamodb.update_table(
        TableName=names.audit_table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "failure-type-index"}}]
    )
    aws.s3.put_bucket_versioning(Bucket=names.bucket, VersioningConfiguration={"Status": "Suspended"})
    aws.s3.delete_bucket_policy(Bucket=names.bucket)
    url = aws.sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})
    aws.lambda_.update_function_configuration(FunctionName=names.processor, MemorySize=1024)
    aws.lambda_.update_function_code(FunctionName=names.processor, ZipFile=b"PK\x05\x06" + b"\0" * 18)
    aws.lambda_.delete_function(FunctionName=names.auditor)
    aws.cloudwatch.delete_alarms(AlarmNames=[names.errors_alarm])
    aws.logs.delete_retention_policy(logGroupName=f"/aws/lambda/{names.processor}")


def with_another_stream(here: SimulatedAccount) -> None:
    """Enable a stream of another view type, so that the stream and its mapping are replaced."""
    existing(here)
    table, dynamodb = here.world.context().pipeline.physical.orders_table, here.direct.aws.dynamodb
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    wrong: Any = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    dynamodb.update_table(TableName=table, StreamSpecification=wrong)


def with_data(here: SimulatedAccount) -> None:
    existing(here)
    names, aws = here.world.context().pipeline.physical, here.direct.aws
    aws.s3.delete_bucket_policy(Bucket=names.bucket)  # moto takes every put for one over plain HTTP
    for number in range(3):
        aws.s3.put_object(Bucket=names.bucket, Key="processed-data/one", Body=str(number).encode())
    aws.dynamodb.update_table(TableName=names.audit_table, DeletionProtectionEnabled=True)


SCENES: dict[str, tuple[Command, Command]] = {
    "up from nothing": (lambda _: None, up_),
    "up from drift": (drifted, up_),
    "up with replacement": (with_another_stream, replaced),
    "down": (with_data, down_),
}


def run(
    folder: Path, scene: str, kill_at: int = 0, *, after: bool = False, faulty: FaultyAws | None = None
) -> tuple[Any, Any]:
    """Run a scene, and again when it was killed; return the final state and the calls of the first run."""
    prepare, command = SCENES[scene]
    with simulated_account(folder, faulty) as here:
        prepare(here)
        process = here.world.aws.attempt = Mortal(here.world.aws.attempt, kill_at, after)
        try:
            command(here)
            assert not kill_at or len(process.calls) < kill_at, "it continued after it was killed"
        except Killed:
            here.world.aws.attempt = process.attempt
            command(here)
        here.world.aws.attempt = process.attempt
        here.settle()
        return here.state(), process.calls


@pytest.fixture(scope="module")
def undisturbed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Call]]:
    """Return the final state of an undisturbed scene, and its calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        state, calls = run(tmp_path_factory.mktemp("undisturbed"), request.param)
    assert request.param == "down" or all(state["resources"].values())
    assert request.param != "down" or not state["names"]
    return state, calls


def points(calls: list[Call]) -> list[tuple[int, bool]]:
    """Return where to kill: the number of the call, from 1, and true for after it.

    By default at every fourth kind of write: the state before a write is the state after the previous one.
    """
    if EVERY:
        return [(number, after) for number in range(1, len(calls) + 1) for after in (False, True)]
    writes = [(number, call) for number, call in enumerate(calls, start=1) if not reads(call)]
    first = {(call.service, call.operation): number for number, call in reversed(writes)}
    return [(number, turn % 2 == 0) for turn, number in enumerate(sorted(first.values())[::4])]


@pytest.mark.timeout(1800 if EVERY else 180)
@pytest.mark.parametrize("undisturbed", SCENES, indirect=True, ids=str)
@pytest.mark.parametrize("part", range(PARTS))
def test_after_a_kill_the_next_run_reaches_the_same_state(
    undisturbed: tuple[Any, list[Call]], part: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    state, calls = undisturbed
    scene = request.node.callspec.params["undisturbed"]
    for number, after in points(calls)[part::PARTS]:
        left, _ = run(tmp_path, scene, number, after=after)
        assert left == state, f"killed {'after' if after else 'before'} call {number}"


@pytest.mark.parametrize(
    ("undisturbed", "fault"),
    [
        (scene, fault)
        for scene in SCENES
        for fault in (throttled, answer_lost)
        # `test_fault_injection` does so for `up` from nothing and `down`, and a lost answer is the harder fault
        if EVERY or (fault is answer_lost and scene in ("up from drift", "up with replacement"))
    ],
    indirect=["undisturbed"],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_every_call_of_a_scene_fails_once(
    undisturbed: tuple[Any, list[Call]], fault: Fault, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    faulty = FaultyAws(VirtualClock(), fault=fault, refused={}, slow=False)
    left, _ = run(tmp_path, request.node.callspec.params["undisturbed"], faulty=faulty)
    assert left == undisturbed[0]


@pytest.mark.timeout(1800 if EVERY else 180)
@pytest.mark.parametrize("undisturbed", SCENES if EVERY else ["up from nothing", "down"], indirect=True, ids=str)
def test_after_a_kill_with_delays_the_next_run_reaches_the_same_state(
    undisturbed: tuple[Any, list[Call]], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """New and changed resources are not visible yet, in a transitional state, or shown with their old values."""
    state, calls = undisturbed
    scene = request.node.callspec.params["undisturbed"]
    for number, after in points(calls)[:: 1 if EVERY else 4]:
        left, _ = run(tmp_path, scene, number, after=after, faulty=FaultyAws(VirtualClock()))
        assert left == state, f"killed {'after' if after else 'before'} call {number}"
