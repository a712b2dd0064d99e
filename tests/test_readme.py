"""The README and the page of the comparison agree with the code, and with the pages that calculate what they say."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest
import yaml

from tests import markdown
from tests.support import DEV_CONFIG, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TIMES = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8").split("## Times")[1]
SCALE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
BENCHMARKS = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")


def _cells(page: str, first: str) -> list[str]:
    """Return the cells of the only row of a table that begins with a text, without their marks."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \|(.*)\|$", page, re.MULTILINE)
    return [cell.strip(" *") for cell in row.split("|")]


def test_the_costs_are_those_of_the_page_of_scale() -> None:
    clean, failing, _ = _cells(SCALE, "**sum**")
    (idle, *_) = _cells(SCALE, "a month without orders")
    row = "each million orders, in addition"
    assert _cells(README, row) == [f"{clean}; {failing} when 1 % of them fail and are replayed"]
    assert _cells(README, "without orders")[0].startswith(f"{idle} a month: $0.60 for six alarms")


@pytest.mark.parametrize(
    ("row", "measured"),
    [("create", "up --yes, time"), ("plan", "plan, time"), ("delete", "down --yes --delete-data, time")],
)
def test_the_times_are_those_of_the_benchmarks(row: str, measured: str) -> None:
    """A time has one digit, or no fraction: a new run of the benchmarks seldom changes it."""
    section = BENCHMARKS.split("### Beside Terraform")[1].split("<!--")[0]
    ours, theirs = (float(value) for value in re.findall(rf"\| {measured} \| ([\d.]+) s \| ([\d.]+) s", section)[0])
    assert _cells(TIMES, row) == [f"{ours:.1f} s", f"{theirs:.0f} s"]


def _block(language: str) -> str:
    """Return the only code block of the README in a language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(block)


def _enrich(code: str) -> str:
    """Return the function `enrich` without type annotations, docstring and comments."""
    (function,) = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef) and node.name == "enrich"]
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None
    if ast.get_docstring(function) is not None:
        del function.body[0]
    return ast.unparse(function)


def test_the_function_is_that_of_the_handler_of_a_new_project() -> None:
    handler = (ROOT / "lambda_src" / "python" / "processor" / "handler.py").read_text(encoding="utf-8")
    assert _enrich(_block("python")) == _enrich(handler)


def _paths(value: Any, *path: str) -> set[tuple[Any, ...]]:
    """Return each value of a config with the keys that lead to it."""
    if not isinstance(value, dict):
        return {(*path, str(value))}
    return {found for key, inner in value.items() for found in _paths(inner, *path, key)}


def test_the_settings_are_those_of_the_config_of_a_new_project() -> None:
    shown = _paths(yaml.safe_load(_block("yaml")))
    assert len(shown) > 5
    assert shown - _paths(yaml.safe_load(DEV_CONFIG.read_text(encoding="utf-8"))) == set()


def test_the_readme_is_short() -> None:
    """A reader decides within a minute. Count the words without code, outputs, pictures and addresses."""
    prose = re.sub(r"\]\([^)]*\)|<[^>]+>", "", markdown.without_blocks(README))
    assert len(prose.split()) <= 1300
