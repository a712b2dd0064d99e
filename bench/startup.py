"""Start-up of the commands."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.report import Figure, Section
from pipectl.local import lifecycle

CONFIG = Path(__file__).parent.parent / "config" / "dev.yaml"
RUNS = 15
LIMIT = 6.0
"""The longest start of what imports no AWS code, in starts of Python."""
PYTHON = "python -c pass"
LIBRARIES = "python -c 'import boto3, click, pydantic, rich, yaml'"
REFERENCES = {PYTHON: "pass", LIBRARIES: "import boto3, click, pydantic, rich, yaml"}
QUICK = {"--version": ["--version"], "--help": ["--help"], "plan --help": ["plan", "--help"]}
TYPED = ("pipectl pl", "pipectl plan --adopt ", "pipectl --region ")
"""Command lines to be completed."""
COMMANDS = ("plan", "status", "outputs", "audit list")
TEXT = f"Medians of {RUNS} runs: processor time of the process. Python's compiled files exist, as after the first run."


def sections() -> Iterator[Section]:
    """Measure each command line in processes of its own, by turns with the references."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = _environment(compiled)
        yield Section("Help, version and completion", TEXT, _quick(environment))
        with lifecycle.temporary() as running:
            local = environment | {"PIPECTL_HOME": str(running.home)}
            _seconds(_pipectl("up", "--yes"), local)
            yield Section(
                "Commands on the local emulator",
                f"{TEXT} The pipeline exists and has no failures.",
                _commands(local),
            )


def _environment(compiled: str) -> dict[str, str]:
    """Return the environment of this process with a folder of its own for compiled files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONDONT", "AWS_"))}
    return kept | {"PYTHONPYCACHEPREFIX": compiled}


def _quick(environment: Mapping[str, str]) -> list[Figure]:
    lines = {name: (_program(*arguments), environment) for name, arguments in QUICK.items()}
    for typed in TYPED:
        asked = {"_PIPECTL_COMPLETE": "bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
        lines[f"completion of `{typed}`"] = _program(), {**environment, **asked}
    lines[PYTHON] = _python(PYTHON), environment
    medians = _medians(lines)
    python = medians.pop(PYTHON)
    return [Figure(name, 1000 * taken, 1000 * python, "ms", PYTHON, LIMIT) for name, taken in medians.items()]


def _commands(environment: Mapping[str, str]) -> list[Figure]:
    lines = {name: (_pipectl(*name.split()), environment) for name in COMMANDS}
    lines[LIBRARIES] = _python(LIBRARIES), environment
    medians = _medians(lines)
    libraries = medians.pop(LIBRARIES)
    return [Figure(name, 1000 * taken, 1000 * libraries, "ms", LIBRARIES) for name, taken in medians.items()]


def _medians(lines: Mapping[str, tuple[Sequence[str], Mapping[str, str]]]) -> dict[str, float]:
    """Return the median of the processor seconds of each line. The first run of each writes compiled files."""
    taken: dict[str, list[float]] = {name: [] for name in lines}
    for run in range(RUNS + 1):
        for name, (command, environment) in lines.items():
            seconds = _seconds(command, environment)
            if run:
                taken[name].append(seconds)
    return {name: statistics.median(values) for name, values in taken.items()}


def _seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a process that must succeed. Return its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(reference: str) -> list[str]:
    return [sys.executable, "-c", REFERENCES[reference]]


def _program(*arguments: str) -> list[str]:
    """Return a command line that runs the program as its installed script does."""
    return [sys.executable, "-c", "from pipectl.__main__ import main; main()", *arguments]


def _pipectl(*arguments: str) -> list[str]:
    return _program("--local", "-c", str(CONFIG), *arguments)
