"""`up`, a second `up`, `status` and `down` on the local emulator.

The reference is `plain_script`: the same resources by a plain script, one call after the other.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import boto3

from bench.plain_script import PlainScript
from bench.report import Figure, Section
from pipectl.aws.client import Aws, Credentials
from pipectl.commands.down import down
from pipectl.commands.status import status
from pipectl.commands.up import up
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.local import lifecycle
from pipectl.local.home import LocalEmulator
from pipectl.output.console import Screen

CONFIG = Path(__file__).parent.parent / "config" / "dev.yaml"
RUNS = 7
REFERENCE = "a plain script that creates the same"


def sections() -> Iterator[Section]:
    """Measure each command `RUNS` times, in a new account each time, and yield the medians."""
    seconds: dict[str, list[float]] = {}
    with lifecycle.temporary() as running:
        for run in range(RUNS + 1):
            measured = _run(running, run)
            for name, taken in measured.items() if run else ():  # the first run warms the emulator up
                seconds.setdefault(name, []).append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    plain = medians.pop(REFERENCE)
    figures = [Figure(name, taken, plain, "s", REFERENCE) for name, taken in medians.items()]
    yield Section(
        "On the local emulator",
        f"Medians of {RUNS} runs, each in a new account and with new clients. The plain script creates the same"
        " resources one call after the other and compares nothing. The emulator answers at once, so most of the time is"
        " processor time of this machine.",
        figures,
    )


def _run(running: LocalEmulator, run: int) -> Mapping[str, float]:
    """Return the seconds of the script and of each command. Both run in accounts of their own."""
    seconds = {REFERENCE: _plain(running, f"{2 * run + 1:012}")}
    for name, command in COMMANDS.items():
        seconds[name] = _timed(partial(command, _context(running, f"{2 * run + 2:012}")))
    return seconds


def _plain(running: LocalEmulator, account: str) -> float:
    def act() -> None:
        session = boto3.Session(**running.credentials(account), region_name="us-east-1")
        PlainScript(session, running.endpoint_url, _context(running, account).pipeline).up()

    return _timed(act)


def _context(running: LocalEmulator, account: str) -> Context:
    credentials = Credentials(**running.credentials(account))
    aws = Aws("us-east-1", endpoint_url=running.endpoint_url, credentials=credentials)
    return Context(load(CONFIG), CONFIG, aws, Screen(quiet=True).progress)


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _yes(_: object) -> None:
    """Confirm everything."""


COMMANDS: dict[str, Callable[[Context], object]] = {
    "up": lambda context: up(context, _yes),
    "second up": lambda context: up(context, _yes),
    "status": status,
    "down": lambda context: down(context, _yes, delete_data=True),
}
