"""The group of all commands: the list of names, and what is imported when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import click
import pytest

from pipectl import __version__
from pipectl.cli.main import COMMANDS, main
from pipectl.local.home import LocalEmulator
from tests.support import THOROUGH, write_config

HEAVY = (
    *("boto3", "botocore", "pydantic", "rich", "yaml", "jinja2", "ministack"),
    *("asyncio", "logging", "pathlib", "subprocess", "urllib.parse"),
    *("pipectl.clock", "pipectl.commands", "pipectl.local", "pipectl.output"),
)
"""Modules that the group of all commands does not import."""
UNUSED_BY_PLAN = (
    *("asyncio", "rich.live", "rich.progress", "jinja2", "ministack", "watchfiles"),
    *("pipectl.failures.audit_table", "pipectl.failures.explanation", "pipectl.failures.replay", "pipectl.local"),
    *("pipectl.monitoring.health", "pipectl.iam.command_actions", "pipectl.cloudformation"),
)
"""Modules that a plan imports neither by itself nor through others."""


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_the_short_help_of_the_command(name: str) -> None:
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=200) == COMMANDS[name]


def imported(
    *args: str, complete: str = "", watched: Collection[str] = HEAVY, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run a command line in a new interpreter. Return how it ended, and the watched modules that it imported."""
    script = f"""
import atexit, json, sys
@atexit.register
def report():
    print(json.dumps([name for name in {watched!r} if name in sys.modules]), file=sys.stderr)
sys.argv = ["pipectl", *{args!r}]
from pipectl.__main__ import main
main()
"""
    if complete:
        variables = {"_PIPECTL_COMPLETE": "bash", "COMP_WORDS": complete, "COMP_CWORD": str(complete.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )
    return done, json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "args",
    [("--version",), ("audit", "list", "--help"), *([("--help",), ("up", "--help")] if THOROUGH else [])],
    ids=" ".join,
)
def test_help_and_version_import_nothing_heavy(args: tuple[str, ...]) -> None:
    done, heavy = imported(*args)
    assert done.returncode == 0
    assert heavy == []


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("pipectl audit s", "stats"),
        ("pipectl up --", "--dry-run"),
        *([("pipectl re", "replay-dlq")] if THOROUGH else []),
    ],
)
def test_completion_imports_nothing_heavy(typed: str, offered: str) -> None:
    done, heavy = imported(complete=typed)
    assert offered in done.stdout
    assert heavy == []


def test_a_plan_imports_no_module_of_other_commands(emulator: LocalEmulator, tmp_path: Path) -> None:
    config, keys = write_config(tmp_path), emulator.credentials("100000000001")
    line = ("-c", str(config), "--endpoint-url", emulator.endpoint_url, "plan")
    variables = {name.upper(): str(value) for name, value in keys.items()}
    done, found = imported(*line, watched=UNUSED_BY_PLAN, **variables)
    assert done.returncode == 0
    assert "orders-table" in done.stdout
    assert found == []


@pytest.mark.slow
def test_commands_do_not_import_the_emulator_unless_asked_for() -> None:
    lines = ["plan", "status", "down", "replay-dlq", "audit list", "logs", "config show"]
    script = f"""
import json, sys
from pipectl.__main__ import main
codes = []
for line in {lines!r}:
    sys.argv = ["pipectl", "--region", "moon-1", *line.split()]
    try:
        main()
    except SystemExit as ended:
        codes.append(ended.code)
print(json.dumps([codes, [name for name in {HEAVY!r} if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    codes, heavy = json.loads(done.stdout.splitlines()[-1])
    assert codes == [2] * 6 + [0]
    assert {"pydantic", "botocore"} <= set(heavy)
    assert "pipectl.local" not in heavy


def test_python_m_pipectl() -> None:
    done = subprocess.run([sys.executable, "-m", "pipectl", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(__version__)


def test_garbage_is_collected_rarely_and_not_at_the_end() -> None:
    script = """
import atexit, gc, sys
atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count()))
sys.argv = ["pipectl", "--version"]
from pipectl.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    threshold, frozen = map(int, done.stdout.splitlines()[-1].split())
    assert threshold >= 10_000
    assert frozen > 1_000
