"""The number of AWS calls of each command. On AWS every call costs time, and counts against limits of the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.calls import breakdown, counted
from moto import mock_aws

from pipectl.aws.calls import Call
from pipectl.context import Context
from tests.support import FakeClock, make_world

CALLS = {"first up": 59, "plan": 48, "no-op up": 48, "status": 55, "report": 59, "outputs": 13, "down": 82}
"""The number of calls of each command. A change that needs more has to name the reason."""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Counter[Call]]]:
    """Return the calls of each command, counted once."""
    folder: Path = tmp_path_factory.mktemp("calls")

    def connect(made: list[Call]) -> Context:
        world = make_world(folder, clock=FakeClock())
        world.aws.on_call = made.append
        return world.context()

    with mock_aws():
        yield counted(connect)


@pytest.mark.parametrize("command", CALLS)
def test_calls_of_a_command(command: str, calls: dict[str, Counter[Call]]) -> None:
    found = calls[command]
    assert found.total() <= CALLS[command], f"{command}: {found.total()} calls: {breakdown(found)}"
