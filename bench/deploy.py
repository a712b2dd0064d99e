"""Seconds and AWS calls of `up`, a second `up`, `status` and `down` on the local emulator: the median of several runs.

python bench/deploy.py [RUNS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.down import down
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.local import lifecycle
from pipectl.output.console import Screen

CONFIG = Path(__file__).parent.parent / "config" / "dev.yaml"


def main(runs: int) -> None:
    measured: dict[str, list[tuple[float, int]]] = {}
    calls: list[Call] = []
    with lifecycle.temporary() as running:
        for run in range(runs):
            account = f"{run + 1:012}"
            for name, command in COMMANDS.items():
                aws = Aws(
                    "us-east-1",
                    endpoint_url=running.endpoint_url,
                    credentials=Credentials(**running.credentials(account)),
                    on_call=calls.append,
                )
                context = Context(load(CONFIG), CONFIG, aws, Screen(quiet=True).progress)
                calls.clear()
                start = time.perf_counter()
                command(context)
                measured.setdefault(name, []).append((time.perf_counter() - start, len(calls)))
                if name == "second up":
                    per_kind = _calls_by_kind(context, calls)
    for name, pairs in measured.items():
        seconds = statistics.median(pair[0] for pair in pairs)
        print(f"{name:<10} {seconds:6.2f} s  {statistics.median(pair[1] for pair in pairs):5.0f} calls")
    print("calls of a second up by kind of resource, each:", per_kind)


def _calls_by_kind(context: Context, calls: list[Call]) -> dict[str, list[int]]:
    """Yield the read calls of each resource, one after the other."""
    made: dict[str, list[int]] = {}
    for resource in context.resources.values():
        calls.clear()
        resource.observe()
        made.setdefault(resource.kind, []).append(len(calls))
    return made


def _yes(_: object) -> None:
    """Confirm everything."""


COMMANDS: dict[str, Callable[[Context], object]] = {
    "up": lambda context: up(context, _yes),
    "second up": lambda context: up(context, _yes),
    "status": status,
    "down": lambda context: down(context, _yes, delete_data=True),
}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
