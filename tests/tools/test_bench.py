"""The page of the benchmarks: figures, counts, charts, exponents, and the page of the repository."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench import MODULES, __main__, chart, page
from bench.report import Chart, Count, Figure, Section, cell, chart_files, exponent, markdown, missed, number
from tools.pictures.colours import Colour, contrast

from tests.support import ROOT

FIGURE = Figure("up", 6.0, 4.0, "s", "a plain script", limit=1.2)
CHART = Chart("Time of verify", "records", "seconds", {"4 shards": [(1, 0.5), (100, 5.0)], "1 shard": [(10, 2.0)]})
SECTION = Section("Deploy", "On the *emulator*.", [FIGURE], [Count("calls of plan", 44, 44)], [CHART])


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    assert exponent([(x, 3 * x**power) for x in (1, 10, 1000)]) == pytest.approx(power)


def test_fixed_costs_of_small_runs_do_not_change_the_exponent() -> None:
    assert exponent([(1, 500), (10, 500), (100, 600), (1000, 6000), (10_000, 60_000)]) == pytest.approx(1)


def test_the_exponent_is_the_best_fit_of_points_that_scatter() -> None:
    assert exponent([(1, 1), (10, 5), (10, 20), (100, 100)]) == pytest.approx(1)


@pytest.mark.parametrize("points", [[], [(5, 1)], [(5, 1), (5, 9)]])
def test_points_without_two_values_of_x_have_no_exponent(points: list[tuple[float, float]]) -> None:
    assert exponent(points) is None


@pytest.mark.parametrize("point", [(0, 1), (1, 0), (-1, 1)])
def test_a_point_that_has_no_place_on_logarithmic_axes_is_refused(point: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        chart.svg(Chart("t", "x", "y", {"s": [(1, 1), point]}))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (2.0, "2"), (44.0, "44"), (123.4, "123"), (1234567, "1,234,567")],
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_a_figure_has_its_reference_and_its_ratio() -> None:
    assert "| up | 6 s | 4 s, a plain script | 1.50 | **1.20: missed** |" in markdown(SECTION, "benchmarks", "deploy")


@pytest.mark.parametrize(("value", "shown"), [(44, "44: met"), (45, "**44: missed**")])
def test_a_count_has_its_limit(value: int, shown: str) -> None:
    assert f"| calls | {value} | {shown} |" in markdown(Section("t", "", counts=[Count("calls", value, 44)]), "b", "m")


def test_a_reference_of_zero_misses_every_limit() -> None:
    assert missed([Section("t", "", [Figure("n", 1, 0, "s", "r", limit=100), Figure("m", 1, 0, "s", "r")])]) == ["n"]
    assert missed([Section("t", "", [Figure("n", math.nan, 1, "s", "r", limit=100)])]) == ["n"]


def test_text_of_others_is_neither_markdown_nor_html() -> None:
    assert cell("a|b\n<b>*c*\x1b[0m `a|b*` `") == r"a\|b \<b\>\*c\* \[0m `a\|b*` \`"
    evil = Chart("</svg><script>", "x & y", '"', {"<i>": [(1, 1)]})
    drawn = chart.svg(evil)
    assert "<script>" not in drawn
    assert "</svg><script>" in [element.text for element in ElementTree.fromstring(drawn)]


def test_a_chart_names_each_series_with_its_exponent() -> None:
    texts = [element.text for element in ElementTree.fromstring(chart.svg(CHART)).iter()]
    assert {"Time of verify", "records", "seconds", "4 shards: exponent 0.50", "1 shard"} <= {*texts}
    assert "| 4 shards | 1: 0.500, 100: 5 | 0.50 |" in markdown(SECTION, "benchmarks", "deploy")


def test_a_chart_is_readable_in_the_light_and_in_the_dark() -> None:
    """Compare each colour with its own background, as WCAG does: lines need 3:1."""
    for colours, back in ((chart.LIGHT, "#ffffff"), (chart.DARK, "#0d1117")):
        assert [colour for colour in colours if contrast(Colour.of(colour), Colour.of(back)) < 3] == []


def test_a_run_replaces_its_own_part_and_its_own_charts(tmp_path: Path) -> None:
    for module in ("deploy", "calls"):
        assert __main__.run(module, tmp_path, lambda name: (name, lambda: iter([SECTION])))
    first = (tmp_path / "benchmarks.md").read_text()
    assert __main__.run("calls", tmp_path, lambda _: ("Others", lambda: iter([Section("New", "")])))
    parts, before = page.parts_of((tmp_path / "benchmarks.md").read_text()), page.parts_of(first)
    assert [*parts] == ["calls", "deploy"], "in the order of MODULES"
    assert parts["deploy"] == before["deploy"]
    assert "### New" in parts["calls"]
    assert "### Deploy" not in parts["calls"]
    assert {file.name for file in (tmp_path / "benchmarks").iterdir()} == {*chart_files(SECTION, "deploy")}


def _broken() -> Iterator[Section]:
    yield SECTION
    raise OSError("no emulator")


@pytest.mark.parametrize("failing", [_broken, lambda: iter([Section("t", "", charts=[Chart("c", "", "", {})])])])
def test_a_benchmark_that_fails_erases_nothing(failing: Callable[[], Iterator[Section]], tmp_path: Path) -> None:
    assert __main__.run("calls", tmp_path, lambda name: (name, lambda: iter([SECTION])))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert not __main__.run("calls", tmp_path, lambda name: (name, failing))
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_the_page_is_what_the_program_writes() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    parts = page.parts_of(text)
    assert page.page_of(parts) == text, "run `make bench`"
    for module, part in parts.items():
        assert f"\n`python -m bench {module}`: 20" in part, "the machine and the day"
        assert "\n### " in part


def test_every_chart_of_the_page_exists_and_no_other() -> None:
    shown = set(re.findall(r"\]\(benchmarks/([^)]+)\)", (ROOT / "docs" / "benchmarks.md").read_text()))
    assert shown == {file.name for file in (ROOT / "docs" / "benchmarks").glob("*")}


def test_every_limit_of_the_page_is_compared_with_its_ratio() -> None:
    """Read the tables again: a missed limit is marked, and its part names it."""
    for part in page.parts_of((ROOT / "docs" / "benchmarks.md").read_text()).values():
        for name, value, limit, end in re.findall(
            r"^\| (.+?) \|.* ([\d.,]+) \| \**([\d.,]+): (\w+)", part, re.MULTILINE
        ):
            above = float(value.replace(",", "")) > float(limit.replace(",", ""))
            assert (end == "missed") == above or value == limit, name
            assert (end == "missed") == bool(
                re.search(rf"^\*\*Missed limits\*\*:.*{re.escape(name)}", part, re.MULTILINE)
            )


NOT_MEASURED_YET = {"large", "verify"}
"""Modules without a part in the page. `make bench` measures them; then remove them here."""


@pytest.mark.parametrize("module", sorted({*MODULES} - NOT_MEASURED_YET))
def test_every_module_has_its_part_in_the_page(module: str) -> None:
    parts = page.parts_of((ROOT / "docs" / "benchmarks.md").read_text())
    assert module in parts, f"run `make bench BENCH={module}`"


def test_every_module_with_sections_is_in_the_list() -> None:
    files = {file.stem for file in (ROOT / "bench").glob("*.py") if "\ndef sections(" in file.read_text()}
    assert files <= {*MODULES}
