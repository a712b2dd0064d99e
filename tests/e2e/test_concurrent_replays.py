"""A replay at the same time as an `up` that fixes the function, or as another replay, on the local emulator."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.plan import plan
from pipectl.commands.up import up
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.local.home import LocalEmulator
from tests.cli_support import environment, start
from tests.e2e.gate import gate
from tests.e2e.mending import QUICK, check_all_replayed, claimed, mended_processor, reopen, replay_all, statuses
from tests.e2e.operator import QuickClock
from tests.e2e.orders import Orders
from tests.support import ACCOUNT, PATIENCE, REGION, THOROUGH, yes

pytestmark = [pytest.mark.emulator, pytest.mark.xdist_group("mended")]

PROCESSOR = "processor"
CODE, MOVE = "UpdateFunctionCode", "UpdateAlias"
"""Calls of `up`, in order, for a function whose code and configuration differ."""


@dataclass
class Meeting:
    """Lets an `up` wait at one of its calls until a replay has invoked the function, or was throttled.

    Args:
        operation: The call.
        after: It waits once that is carried out, not before.
    """

    operation: str
    after: bool = True
    reached: threading.Event = field(default_factory=threading.Event)
    invoked: threading.Event = field(default_factory=threading.Event)
    refused: int = 0

    def of_up(self, call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        answer = send() if self.after else None
        if call.operation == self.operation:
            self.reached.set()
            assert self.invoked.wait(PATIENCE), "the replay did not come to the function"
        return answer if self.after else send()

    def of_replay(self, call: Call, _: Mapping[str, Any], send: Callable[[], Any]) -> Any:
        try:
            return send()
        except ClientError as error:
            self.refused += error.response["Error"]["Code"] == "TooManyRequestsException"
            raise
        finally:
            if call.operation == "Invoke":
                self.invoked.set()


@pytest.fixture(scope="module")
def two(emulator: LocalEmulator) -> tuple[Aws, Aws]:
    """Return the connections of two processes. Both poll quickly."""

    def one() -> Aws:
        keys = Credentials(ACCOUNT, "test")
        return Aws(REGION, endpoint_url=emulator.endpoint_url, credentials=keys, clock=QuickClock())

    return one(), one()


@pytest.mark.parametrize(
    "meeting",
    [
        pytest.param(Meeting(CODE), id="new code with the old configuration"),
        pytest.param(Meeting(MOVE), id="the new version is in use"),
        *(
            [
                pytest.param(Meeting(CODE, after=False), id="before the function is changed"),
                pytest.param(Meeting(MOVE, after=False), id="before the new version is in use"),
            ]
            if THOROUGH
            else []
        ),
    ],
)
def test_an_up_that_fixes_the_function_and_a_replay(
    meeting: Meeting, mended: Orders, two: tuple[Aws, Aws], tmp_path: Path
) -> None:
    """The replay is never throttled, and invokes one version or the other as a whole."""
    mender, replayer = (replace(mended.world, aws=aws) for aws in two)
    mender.aws.attempt, replayer.aws.attempt = meeting.of_up, meeting.of_replay
    memory = mended.world.context().require([PROCESSOR], whole=[PROCESSOR])[PROCESSOR].attributes["memory"]
    up(mended.world.context(**{PROCESSOR: {"memory": memory}, **QUICK}), yes)
    reopen(mended)
    failures = len(mended.audit_items())
    new = mended_processor(tmp_path / "new")
    new[PROCESSOR]["memory"] = memory + 64
    mender.context(**new)

    def replay_later() -> Any:
        assert meeting.reached.wait(PATIENCE), "up did not come to that call"
        return replay_all(replayer)

    with ThreadPoolExecutor(2) as pool:
        made, report = pool.submit(up, mender.context(), yes), pool.submit(replay_later)
        made.result()
        assert report.result().total == failures
    assert not meeting.refused
    assert claimed(mended) == []
    assert statuses(mended) <= {ReplayStatus.REPLAYED, *UNRESOLVED} - {ReplayStatus.OPEN}
    assert len(mended.audit_items()) == failures
    assert plan(mended.world.context()).pending == []
    replay_all(mended.world)
    check_all_replayed(mended)


def test_two_processes_share_the_failures(mended: Orders, operations_of_a_replay: list[str]) -> None:
    """Both processes continue at the same moment, after their first reads."""
    world = mended.world
    first_claim = operations_of_a_replay.index("TransactWriteItems") + 1
    reopen(mended)
    keys = environment(AWS_ACCESS_KEY_ID=ACCOUNT, AWS_SECRET_ACCESS_KEY="test")
    with ExitStack() as stack:
        gates = [stack.enter_context(gate(world.aws.endpoint_url or "", first_claim)) for _ in range(2)]
        words = ("-o", "json", "replay-dlq", "--yes")
        processes = [start("-c", world.file, "--endpoint-url", url, *words, env=keys) for url, _ in gates]
        for _, way in gates:
            way.wait()
        for _, way in gates:
            way.open()
        answers = [process.communicate(timeout=PATIENCE) for process in processes]
    assert {process.returncode for process in processes} <= {0, 4}, answers
    documents = [json.loads(out) for out, _ in answers]
    assert sum(each["failures"]["REPLAYED"] for each in documents) == len(mended.audit_items())
    assert {item["replayAttempts"]["N"] for item in mended.audit_items()} == {"1"}
    check_all_replayed(mended)
