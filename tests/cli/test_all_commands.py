"""Commands that create and compare, on a pipeline with a failed order: exit codes, texts, and JSON documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.support import World

LINES = {
    "plan": 0,
    "plan --exit-code": 3,
    "up --dry-run": 0,
    "status": 0,
    "status --exit-code": 3,
    "report --html FOLDER/report.html": 0,
    "outputs": 0,
    "list": 0,
    "config check": 0,
    "config show": 0,
    "config schema": 0,
    "down": 1,
    "up": 2,
    "local status": 0,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)
