"""`permissions` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.cli.permissions import POLICIES
from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.support import World

LINES = {
    "permissions": 0,
    "permissions on-call": 0,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


def test_a_policy_is_printed_by_its_name(failed: tuple[World, str]) -> None:
    every = document(pipectl("-c", failed[0].file, "-o", "json", "permissions"))
    assert every.keys() == set(POLICIES)
    for name in POLICIES:
        assert document(pipectl("-c", failed[0].file, "permissions", name)) == every[name]


def test_local_is_a_usage_error(file: Path) -> None:
    result = pipectl("-c", file, "--local", "-o", "json", "permissions")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
