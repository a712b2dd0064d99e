"""The README and the page of the comparison agree with the pages that calculate or measure what they say."""

from __future__ import annotations

import re

import pytest

from tests import markdown
from tests.support import ROOT

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
    assert _cells(README, "a million orders") == [f"{clean}; {failing} when 1 % of them fail and are replayed"]
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


def test_the_readme_is_short() -> None:
    """A reader decides within a minute. Count the words without code, outputs, pictures and addresses."""
    prose = re.sub(r"\]\([^)]*\)|<[^>]+>", "", markdown.without_blocks(README))
    assert len(prose.split()) <= 1300
