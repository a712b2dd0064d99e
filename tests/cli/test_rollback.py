"""`rollback` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, pipectl
from tests.support import World

LINES = {
    "rollback --yes": 1,
    "rollback --to 1 --yes": 0,
    "rollback --to 7 --yes": 1,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_the_version_in_use_is_in_the_document(failed: tuple[World, str]) -> None:
    answer = document(pipectl("-c", failed[0].file, "-o", "json", "rollback", "--to", "1", "--by", "ada", "--yes"))
    assert (answer["changed"], answer["from"], answer["by"]) == (False, answer["to"], "ada")
    assert answer["to"]["version"] == "1"
