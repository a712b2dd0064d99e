"""`up`, a second `up`, `status` and `down` on the local emulator.

The references are `plain_script`, the same resources one call after the other, and `terraform`, where it is installed.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import boto3

from bench import terraform
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
    """Measure beside the plain script, and once beside Terraform."""
    with lifecycle.temporary() as running:
        yield _beside_the_script(running)
        if terraform.available():
            yield _beside_terraform(running)


def _beside_the_script(running: LocalEmulator) -> Section:
    """Measure each command `RUNS` times, in a new account each time, and return the medians."""
    seconds: dict[str, list[float]] = {}
    for run in range(RUNS + 1):
        measured = _run(running, run)
        for name, taken in measured.items() if run else ():  # the first run warms the emulator up
            seconds.setdefault(name, []).append(taken)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    plain = medians.pop(REFERENCE)
    figures = [Figure(name, taken, plain, "s", REFERENCE) for name, taken in medians.items()]
    return Section(
        "Beside a plain script",
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


def _beside_terraform(running: LocalEmulator) -> Section:
    """Run each command as a process, next to that of Terraform which does the same."""
    measured, reference = "000000001001", "000000001002"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        **{name.upper(): value for name, value in running.credentials(measured).items()},
        "AWS_ENDPOINT_URL": running.endpoint_url,
    }
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        pipeline = _context(running, reference).pipeline
        other = terraform.Terraform(Path(folder), running.endpoint_url, running.credentials(reference), pipeline)
        for words, name, act in (
            ("up --yes", "apply", other.apply),
            ("plan", "plan", other.plan),
            ("up --yes", "apply, again", other.apply),
            ("down --yes --delete-data", "destroy", other.destroy),
        ):
            command = [sys.executable, "-m", "pipectl", "-c", CONFIG, *words.split()]
            run = partial(subprocess.run, command, env=environment, check=True, capture_output=True)
            (time_, cpu), (other_time, other_cpu) = _process_seconds(run), _process_seconds(act)
            figures.append(Figure(f"{words}, time", time_, other_time, "s", f"terraform {name}"))
            figures.append(Figure(f"{words}, processor time", cpu, other_cpu, "s", f"terraform {name}"))
    return Section(
        "Beside Terraform",
        "One run of each command as a process, by turns, with the same resources in another account. The emulator"
        " answers at once, so this is what the programs themselves take. Terraform starts its AWS provider for each"
        " command.",
        figures,
    )


def _plain(running: LocalEmulator, account: str) -> float:
    def act() -> None:
        session = boto3.Session(**running.credentials(account), region_name="us-east-1")
        PlainScript(session, running.endpoint_url, _context(running, account).pipeline).up()

    return _timed(act)


def _context(running: LocalEmulator, account: str) -> Context:
    credentials = Credentials(**running.credentials(account))
    aws = Aws("us-east-1", endpoint_url=running.endpoint_url, credentials=credentials)
    return Context(load(CONFIG), CONFIG, aws, Screen(quiet=True).progress)


def _process_seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a process takes, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = _timed(run)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
