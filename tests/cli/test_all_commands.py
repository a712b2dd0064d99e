"""Every command on a pipeline with a failed order: its exit code, its text, and its JSON document."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipectl.cli.main import COMMANDS
from pipectl.clock import SystemClock
from tests.cli_support import document, pipectl
from tests.commands.existing_pipeline import existing, fail, write
from tests.output.documents import check_spelling
from tests.support import World

LINES = {
    "plan": 0,
    "plan --exit-code": 3,
    "up --dry-run": 0,
    "status": 0,
    "status --exit-code": 3,
    "outputs": 0,
    "audit list": 0,
    "audit list --status OPEN --type RetryAttemptsExhausted --since 1h --limit 5": 0,
    "audit show FAILURE": 0,
    "audit show unknown": 1,
    "audit stats": 0,
    "replay-dlq --dry-run": 0,
    "replay-dlq --dry-run --id FAILURE": 0,
    "replay-dlq --save FOLDER": 0,
    "verify": 0,
    "trace order-1": 0,
    "trace unknown": 0,
    "logs": 0,
    "logs processor --since 1h --filter ERROR": 0,
    "pause --by ada": 0,
    "resume": 0,
    "permissions": 0,
    "permissions on-call": 0,
    "config check": 0,
    "config show": 0,
    "config schema": 0,
    "down": 1,
    "up": 2,
    "local status": 0,
}
"""Command lines, with their exit codes."""
WITHOUT_VERSION = {"outputs", "permissions", "permissions on-call", "config show", "config schema"}
NOT_HERE = {"demo"}
"""Commands that need the local emulator."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A pipeline whose first order failed, and whose second one is pending."""
    with pytest.MonkeyPatch.context() as patch, existing(tmp_path_factory.mktemp("pipeline"), SystemClock()) as made:
        patch.setenv("PIPECTL_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        first, _ = write(made, "order-1", "order-2")
        yield made, fail(made, first, first)


def words_of(line: str, failure: str, folder: Path) -> list[str]:
    return [{"FAILURE": failure, "FOLDER": str(folder)}.get(word, word) for word in shlex.split(line)]


@pytest.mark.parametrize("line", LINES)
def test_the_document_of_every_command(line: str, world: tuple[World, str], tmp_path: Path) -> None:
    result = pipectl("-c", world[0].file, "-o", "json", *words_of(line, world[1], tmp_path))
    assert result.exit_code == LINES[line], result.stderr
    if result.stdout:
        found = document(result)
        if line not in WITHOUT_VERSION:
            assert found["schemaVersion"] == 1
            check_spelling(found)
    if LINES[line] in (1, 2):
        check_spelling(json.loads(result.stderr.splitlines()[-1]))
    else:
        assert result.stdout


@pytest.mark.parametrize("line", LINES)
def test_the_text_of_every_command(line: str, world: tuple[World, str], tmp_path: Path) -> None:
    result = pipectl("-c", world[0].file, *words_of(line, world[1], tmp_path))
    assert result.exit_code == LINES[line], result.stderr
    assert "a bug in pipectl" not in result.stderr
    assert not result.stdout.startswith("{\n") or line in ("permissions on-call", "config schema")


def test_every_command_is_run() -> None:
    assert {line.partition(" ")[0] for line in LINES} == COMMANDS.keys() - NOT_HERE
