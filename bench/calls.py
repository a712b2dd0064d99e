"""Calls of AWS."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from bench.report import Count, Section
from pipectl.aws.calls import Call
from pipectl.commands.down import down
from pipectl.commands.outputs import outputs
from pipectl.commands.plan import plan
from pipectl.commands.report import report
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.context import Context

TEXT = (
    "Each command runs once for `config/dev.yaml` on moto, without orders and failures, with AWS clients of its own as "
    "on the command line. `tests/e2e/test_calls.py` holds the numbers. `plan` and `status` read the tags of the six "
    "alarms one by one. The index of tags has them in one answer, but it can be hours old: a tag that was removed, "
    "or an alarm of another owner, would be reported late."
)
LIMITS: Mapping[str, int] = {
    "first up": 60,
    "plan": 44,
    "no-op up": 44,
    "status": 50,
    "report": 60,
    "outputs": 14,
    "down": 90,
}
"""The largest number of calls that each command is meant to make."""


def _yes(_: object) -> None:
    """Confirm everything."""


COMMANDS: Mapping[str, Callable[[Context], object]] = {
    "first up": lambda context: up(context, _yes),
    "plan": plan,
    "no-op up": lambda context: up(context, _yes),
    "status": status,
    "report": lambda context: report(context, context.aws.now() - timedelta(hours=48)),
    "outputs": outputs,
    "down": lambda context: down(context, _yes, delete_data=True),
}
"""The commands that are counted, in an order in which they can run."""


def counted(connect: Callable[[list[Call]], Context]) -> dict[str, Counter[Call]]:
    """Run each command once. Return its calls.

    Args:
        connect: Returns a context with new clients, which add each of their calls to a list.
    """
    found: dict[str, Counter[Call]] = {}
    for name, command in COMMANDS.items():
        calls: list[Call] = []
        command(connect(calls))
        found[name] = Counter(calls)
    return found


def breakdown(calls: Counter[Call]) -> str:
    """Return the operations with their numbers, the most frequent first, such as ``2 iam GetRole``."""
    ordered = sorted(calls.items(), key=lambda pair: (-pair[1], pair[0].service, pair[0].operation))
    return ", ".join(f"{number} {call.service} {call.operation}" for call, number in ordered)


def sections() -> Iterator[Section]:
    """Count on moto. It is imported here, because the tests use this module, too, and correct moto first."""
    from moto import mock_aws
    from tests import moto_versions
    from tests.support import FakeClock, make_world

    moto_versions.apply()
    with mock_aws(), tempfile.TemporaryDirectory() as folder:

        def connect(calls: list[Call]) -> Context:
            world = make_world(Path(folder), clock=FakeClock())
            world.aws.on_call = calls.append
            return world.context()

        found = counted(connect)
    counts = [Count(name, calls.total(), LIMITS[name]) for name, calls in found.items()]
    services = "\n".join(f"- {name}: {_by_service(calls)}" for name, calls in found.items())
    yield Section("Calls of each command", f"{TEXT}\n\n{services}", counts=counts)


def _by_service(calls: Counter[Call]) -> str:
    services: Counter[str] = Counter()
    for call, number in calls.items():
        services[call.service] += number
    return ", ".join(f"{service} {number}" for service, number in services.most_common())
