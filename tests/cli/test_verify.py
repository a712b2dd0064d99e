"""`verify` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, pipectl
from tests.support import World

LINES = {
    "verify": 0,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_the_document_counts_the_records(failed: tuple[World, str]) -> None:
    found = document(pipectl("-c", failed[0].file, "-o", "json", "verify", "--since", "6h"))
    assert found["ok"] is True
    assert (found["records"]["read"], found["records"]["failed"], found["records"]["lost"]) == (2, 1, 0)


def test_records_that_wait_during_a_pause_are_no_success(failed: tuple[World, str]) -> None:
    file = failed[0].file
    assert pipectl("-c", file, "pause").exit_code == 0
    result = pipectl("-c", file, "-o", "json", "verify")
    assert pipectl("-c", file, "resume").exit_code == 0
    found = document(result)
    assert (result.exit_code, found["ok"], found["records"]["pending"]) == (3, False, 1)
    assert "resume` continues" in found["uncertain"]
