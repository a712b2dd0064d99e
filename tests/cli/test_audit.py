"""`audit` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.support import World

LINES = {
    "audit list": 0,
    "audit list --status OPEN --type RetryAttemptsExhausted --since 1h --limit 5": 0,
    "audit show FAILURE": 0,
    "audit show unknown": 1,
    "audit stats": 0,
    "audit resolve unknown --reason text --yes": 1,
    "audit resolve FAILURE --reason text": 2,
    "audit resolve FAILURE --undo --yes": 1,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_the_options_select_failures(failed: tuple[World, str]) -> None:
    world, failure = failed
    for options, ids in (((), [failure]), (("--status", "REPLAYED"), []), (("--type", "RecordAgeExceeded"), [])):
        found = document(pipectl("-c", world.file, "-o", "json", "audit", "list", *options))
        assert [each["auditId"] for each in found["failures"]] == ids


def test_an_unknown_id_is_an_error(failed: tuple[World, str]) -> None:
    result = pipectl("-c", failed[0].file, "-o", "json", "audit", "show", "unknown")
    assert (result.exit_code, error(result)["code"]) == (1, "NoSuchFailure")


def test_the_statistics_count_by_status(failed: tuple[World, str]) -> None:
    found = document(pipectl("-c", failed[0].file, "-o", "json", "audit", "stats"))
    assert (found["total"], sum(found["byStatus"].values())) == (1, 1)


@pytest.mark.parametrize("options", [(), ("--reason", " "), ("--reason", "x" * 1001), ("--undo", "--reason", "text")])
def test_a_failure_is_resolved_only_with_a_reason(failed: tuple[World, str], options: tuple[str, ...]) -> None:
    world, failure = failed
    result = pipectl("-c", world.file, "-o", "json", "audit", "resolve", failure, "--yes", *options)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


def test_a_failure_is_resolved_and_unresolved_again(failed: tuple[World, str]) -> None:
    world, failure = failed
    resolve = ("-c", world.file, "audit", "resolve", failure)
    declined = pipectl(*resolve, "--reason", "test data", answers="n\n")
    assert (declined.exit_code, f"Resolve {failure}? [y/N]" in declined.stderr) == (1, True)
    (made,) = document(pipectl(*resolve, "--reason", "test data", "--yes", "-o", "json"))["failures"]
    assert set(made) == {"auditId", "timestamp", "status", "resolvedBy", "resolvedAt", "reason"}
    assert (made["auditId"], made["status"], made["reason"]) == (failure, "RESOLVED", "test data")
    assert made["resolvedBy"]
    again = pipectl(*resolve, "--reason", "test data", "--yes", "-o", "json")
    assert (again.exit_code, error(again)["code"]) == (1, "FailureStatus")
    undone = pipectl(*resolve, "--undo", answers="y\n")
    assert (undone.exit_code, undone.stdout) == (0, f"Failure {failure} is unresolved again: OPEN\n")
