"""Commands converge when microburst, a proxy before the emulator, fails their requests in AWS's wire formats."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from pipectl.commands.down import down
from pipectl.commands.plan import plan
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from pipectl.local.home import LocalEmulator
from tests.e2e.mending import QUICK, check_all_replayed, fix, replay_all
from tests.e2e.operator import QuickClock
from tests.e2e.orders import Orders
from tests.judges.judge_template import TOOLS
from tests.support import World, make_world, new_account, yes

RULES: list[dict[str, Any]] = [
    {"service": "dynamodb", "error": {"code": "ThrottlingException"}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "dynamodb", "operation": "PutItem", "reset": True, "sequence": {"fail": 1, "pass": 4}},
    {"service": "dynamodbstreams", "error": {"code": "LimitExceededException"}, "sequence": {"fail": 2, "pass": 3}},
    {"service": "s3", "error": {"code": "SlowDown", "status": 503}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "s3", "response": {"truncate_frac": 0.5}, "sequence": {"fail": 1, "pass": 11}},
    {"service": "lambda", "error": {"code": "TooManyRequestsException"}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "lambda", "error": {"code": "ServiceException", "status": 500}, "sequence": {"fail": 1, "pass": 9}},
    {"service": "iam", "error": {"code": "Throttling"}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "sqs", "error": {"code": "RequestThrottled"}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "logs", "error": {"code": "ThrottlingException"}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "monitoring", "error": {"code": "Throttling"}, "sequence": {"fail": 2, "pass": 5}},
    {"service": "*", "error": {"code": "InternalFailure", "status": 500}, "sequence": {"fail": 1, "pass": 15}},
    {"service": "*", "reset": True, "sequence": {"fail": 1, "pass": 17}},
    {"service": "*", "response": {"abort_frac": 0.5}, "sequence": {"fail": 1, "pass": 19}},
    {"service": "*", "latency": {"min": 1, "max": 30}},
]
"""Faults by service. Each fails some calls in a row and lets the next ones pass."""
RUNS = 5
"""A command may give up; run again, it continues. After so many times it has to be done."""


@pytest.fixture
def proxy(emulator: LocalEmulator, tmp_path: Path) -> Iterator[str]:
    """Start microburst before the emulator and return its URL."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"rules": RULES}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(TOOLS / "microburst"), "--upstream", emulator.endpoint_url, "--port", str(port), "-c", str(rules)]
    log = (tmp_path / "log").open("w")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(url)
            yield url
        finally:
            process.terminate()


def wait_for(url: str) -> None:
    for _ in range(200):
        with suppress(OSError):
            read(f"{url}/_microburst/health")
            return
        time.sleep(0.1)
    raise AssertionError("microburst does not answer")


def read(url: str) -> Any:
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - a URL of this machine
        return json.load(answer)


def lead_through(proxy: str, world: World) -> None:
    """Send signed requests to the proxy.

    It names the emulator as their host, for which they are signed. It decodes the colons in paths, so they are signed
    like that.
    """
    endpoint = str(world.aws.endpoint_url)

    def redirect(request: Any, **_: object) -> None:
        request.url = request.url.replace(endpoint, proxy, 1)

    def decode(request: Any, **_: object) -> None:
        path, mark, query = request.url.partition("?")
        request.url = path.replace("%3A", ":") + mark + query

    world.aws._session.events.register("before-send", redirect)
    world.aws._session.events.register("before-sign.lambda", decode)


def finished(name: str, work: Callable[[], object]) -> None:
    """Run a command until it succeeds."""
    for run in range(1, RUNS + 1):
        try:
            work()
        except PipectlError as error:
            print(f"{name}, run {run}: {error.code}: {error.message.splitlines()[0][:150]}")
        else:
            print(f"{name}: done in run {run}")
            return
    raise AssertionError(f"{name} does not converge")


def test_up_data_replay_and_down_converge(emulator: LocalEmulator, proxy: str, tmp_path: Path) -> None:
    faulty, direct = (
        make_world(tmp_path, QUICK, endpoint_url=emulator.endpoint_url, account=account, clock=QuickClock())
        for account in [new_account()] * 2
    )
    lead_through(proxy, faulty)
    finished("up", lambda: up(faulty.context(), yes))
    assert {change.action for change in plan(direct.context()).changes} == {Action.KEEP}
    orders = Orders(faulty, direct.context().pipeline.physical)
    orders.write(12, 4)
    orders.world = direct
    orders.wait_until_settled()
    finished("status", lambda: status(faulty.context()))
    finished("fix", lambda: fix(faulty, tmp_path / "fixed"))
    finished("replay", lambda: replay_all(faulty))
    check_all_replayed(orders)
    finished("down", lambda: down(faulty.context(), yes, delete_data=True))
    assert remaining(direct) == []
    fired = [each for each in read(f"{proxy}/_microburst/fired?limit=100000") if "latency" not in each["action"]]
    print(f"{len(fired)} faults: {dict(Counter(each['service'] for each in fired))}")
    print(dict(Counter(each["action"] for each in fired)))
    assert {each["service"] for each in fired} >= {"cloudwatch", "dynamodb", "iam", "lambda", "logs", "s3", "sqs"}


def remaining(world: World) -> list[str]:
    observed = world.context().observe()
    return [key for key, found in observed.items() if found is not None]
