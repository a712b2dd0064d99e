"""`pause` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, pipectl
from tests.support import World

LINES = {
    "pause --by ada": 0,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_the_name_reaches_the_pause(failed: tuple[World, str]) -> None:
    pipectl("-c", failed[0].file, "resume")
    first = document(pipectl("-c", failed[0].file, "-o", "json", "pause", "--by", "ada"))
    again = document(pipectl("-c", failed[0].file, "-o", "json", "pause", "--by", "grace"))
    assert (first["paused"], first["changed"], first["by"]) == (True, True, "ada")
    assert (again["paused"], again["changed"], again["by"]) == (True, False, "ada")
