"""The header: commands that change or judge begin with the pipeline that they work on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import pipectl
from tests.support import ACCOUNT, THOROUGH

COMMANDS = ["plan", "up --yes", "up --dry-run", "down --yes", "status", "replay-dlq --dry-run", "verify", "send {}"]
QUICK = ["plan", "down --yes", "verify"]


@pytest.mark.parametrize(
    ("command", "output"),
    [(each, "text") for each in COMMANDS] + [(each, "json") for each in (COMMANDS if THOROUGH else QUICK)],
)
def test_the_first_line_on_stderr_names_the_pipeline(command: str, output: str, moto: Path) -> None:
    result = pipectl("-c", moto, "-o", output, *command.split())
    assert result.stderr.splitlines()[0] == f"dev · account {ACCOUNT} · us-east-1 · {moto}"


def test_region_and_profile_are_those_that_are_used(moto: Path) -> None:
    result = pipectl("-c", moto, "--region", "eu-west-1", "plan")
    assert result.stderr.splitlines()[0].split(" · ")[2] == "eu-west-1"


@pytest.mark.parametrize("command", COMMANDS if THOROUGH else QUICK)
def test_quiet_leaves_it_out(command: str, moto: Path) -> None:
    assert ACCOUNT not in pipectl("-c", moto, "-q", *command.split()).stderr.splitlines()[:1]


@pytest.mark.parametrize("command", ["outputs", "audit list", "logs", "config check"])
def test_other_commands_have_none(command: str, moto: Path) -> None:
    assert not pipectl("-c", moto, *command.split()).stderr.startswith("dev · ")
