"""`trace` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.lines import check_line
from tests.cli_support import document, error, pipectl
from tests.support import World

LINES = {
    "trace order-1": 0,
    "trace order-1 --full": 0,
    "trace unknown": 1,
}
"""Command lines, with their exit codes."""


@pytest.mark.parametrize("line", LINES)
def test_the_exit_code_the_text_and_the_document(line: str, failed: tuple[World, str], tmp_path: Path) -> None:
    check_line(line, LINES[line], failed, tmp_path)


@pytest.mark.parametrize(("key", "stage"), [("order-1", "failed"), ("order-2", "waiting")])
def test_the_key_selects_the_order(key: str, stage: str, failed: tuple[World, str]) -> None:
    found = document(pipectl("-c", failed[0].file, "-o", "json", "trace", key))
    assert (found["key"], found["stage"]) == (key, stage)


def test_an_unknown_order_is_an_error_with_the_command_that_looks_further(failed: tuple[World, str]) -> None:
    result = pipectl("-c", failed[0].file, "-o", "json", "trace", "an order")
    assert (result.exit_code, result.stdout) == (1, "")
    assert error(result)["code"] == "NoSuchOrder"
    assert "audit show 'an order'`" in error(result)["hint"]


def test_without_a_key_it_is_a_usage_error(file: Path) -> None:
    assert pipectl("-c", file, "trace").exit_code == 2
