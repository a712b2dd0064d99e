"""`resume` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, pipectl
from tests.support import World

LINES = {
    "resume": 0,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_it_ends_a_pause_once(failed: tuple[World, str]) -> None:
    pipectl("-c", failed[0].file, "pause", "--by", "ada")
    first, again = (document(pipectl("-c", failed[0].file, "-o", "json", "resume")) for _ in range(2))
    assert (first["paused"], first["changed"], first["by"]) == (False, True, "ada")
    assert (again["paused"], again["changed"]) == (False, False)
