"""`replay-dlq` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.support import World

LINES = {
    "replay-dlq --dry-run": 0,
    "replay-dlq --dry-run --id FAILURE": 0,
    "replay-dlq --save FOLDER": 0,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_the_options_select_failures(failed: tuple[World, str]) -> None:
    world, failure = failed
    for options, count in ((("--id", failure), 1), (("--type", "RecordAgeExceeded"), 0)):
        found = document(pipectl("-c", world.file, "-o", "json", "replay-dlq", "--dry-run", *options))
        assert (found["dryRun"], sum(found["failures"].values())) == (True, count)


def test_save_writes_the_failures_into_the_folder(failed: tuple[World, str], tmp_path: Path) -> None:
    found = document(pipectl("-c", failed[0].file, "-o", "json", "replay-dlq", "--save", tmp_path))
    assert (found["saved"], found["incomplete"]) == (1, [])
    assert list(tmp_path.iterdir())


def test_save_and_from_are_a_usage_error(file: Path, tmp_path: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "replay-dlq", "--save", tmp_path, "--from", tmp_path)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


@pytest.mark.parametrize("options", [("--dry-run",), ("--save", "saved")])
def test_a_rate_without_a_replay_is_a_usage_error(file: Path, options: tuple[str, ...]) -> None:
    result = pipectl("-c", file, "-o", "json", "replay-dlq", "--rate", "5", *options)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


def test_without_a_terminal_yes_is_required(failed: tuple[World, str]) -> None:
    result = pipectl("-c", failed[0].file, "-o", "json", "replay-dlq")
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")
