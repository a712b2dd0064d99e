"""Figures, counts and charts of the benchmarks, as Markdown.

Figures are costs, such as seconds, bytes or calls: less is better. Measured and reference are taken by turns in one
run, so that their ratio holds on other machines, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Figure:
    """A measured cost beside that of a reference, in one unit. `limit` is the largest ratio that is wanted."""

    name: str
    measured: float
    reference: float
    unit: str
    reference_name: str
    limit: float | None = None

    @property
    def ratio(self) -> float:
        """Return the measured cost divided by that of the reference."""
        return self.measured / self.reference if self.reference else math.inf


@dataclass(frozen=True)
class Count:
    """A count, such as calls of a command. `limit` is the largest value that is wanted."""

    name: str
    value: int
    limit: int | None = None


@dataclass(frozen=True)
class Chart:
    """Series of points with positive coordinates, drawn on logarithmic axes."""

    title: str
    x: str
    y: str
    series: Mapping[str, Points]


@dataclass(frozen=True)
class Section:
    """A part of the page. `text` is Markdown; the other texts are shown as they are."""

    title: str
    text: str
    figures: Sequence[Figure] = ()
    counts: Sequence[Count] = ()
    charts: Sequence[Chart] = ()


def missed(sections: Iterable[Section]) -> list[str]:
    """Return the names of figures and counts above their limits."""
    found = []
    for section in sections:
        found += [each.name for each in section.figures if _above(each.ratio, each.limit)]
        found += [each.name for each in section.counts if _above(each.value, each.limit)]
    return found


def markdown(section: Section, folder: str, prefix: str) -> str:
    """Return a section as Markdown. Its charts are the files that `chart_files` names, in `folder`."""
    parts = [f"### {cell(section.title)}", section.text.strip()]
    if section.figures:
        parts.append("\n".join(_figures(section.figures)))
    if section.counts:
        parts.append("\n".join(_counts(section.counts)))
    for name, chart in chart_files(section, prefix).items():
        parts.append("\n".join(_exponents(chart)))
        parts.append(f"![{cell(f'Chart: {chart.title}, {chart.y} by {chart.x}')}]({folder}/{name})")
    return "\n\n".join(part for part in parts if part) + "\n"


def chart_files(section: Section, prefix: str) -> dict[str, Chart]:
    """Return the charts of a section by the names of their files."""
    return {f"{prefix}-{_slug(f'{section.title} {chart.title}')}.svg": chart for chart in section.charts}


UPPER = 100
"""Ratio of the largest x to the smallest one that an exponent is fitted to."""


def exponent(points: Points) -> float | None:
    """Return the `b` of the curve `y = a * x ** b` that fits the upper points best: least squares on the logarithms.

    The upper points are those from a hundredth of the largest x on: below, fixed costs hide the growth. Without
    two different values of x among them there is no exponent: one point has no slope.

    Raises:
        ValueError: A coordinate is not positive.
    """
    if any(x <= 0 or y <= 0 for x, y in points):
        raise ValueError(f"coordinates on logarithmic axes are positive: {list(points)}")
    largest = max((x for x, _ in points), default=0)
    logs = [(math.log(x), math.log(y)) for x, y in points if x * UPPER >= largest]
    if len({x for x, _ in logs}) < 2:
        return None
    x_mean = sum(x for x, _ in logs) / len(logs)
    y_mean = sum(y for _, y in logs) / len(logs)
    return sum((x - x_mean) * (y - y_mean) for x, y in logs) / sum((x - x_mean) ** 2 for x, _ in logs)


def number(value: float) -> str:
    """Return a number with three significant digits, or all before the point: ``1,234``, ``12.3``, ``0.0123``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text and value == int(value) else text


def cell(text: str) -> str:
    """Return text for a table, a heading or a link: on one line, without Markdown or HTML but code in backticks."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    parts = re.split(r"(`[^`]+`)", line)
    parts[::2] = [re.sub(r"([\\`*_\[\]|<>#&~])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [part.replace("|", r"\|") for part in parts[1::2]]
    return "".join(parts)


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    yield "| | measured | reference | ratio | limit of the ratio |"
    yield "| --- | --- | --- | --- | --- |"
    for each in figures:
        measured = f"{number(each.measured)} {cell(each.unit)}"
        reference = f"{number(each.reference)} {cell(each.unit)}, {cell(each.reference_name)}"
        limit = _limit(each.ratio, each.limit)
        yield f"| {cell(each.name)} | {measured} | {reference} | {number(each.ratio)} | {limit} |"


def _counts(counts: Sequence[Count]) -> Iterator[str]:
    yield "| | count | limit |"
    yield "| --- | --- | --- |"
    for each in counts:
        yield f"| {cell(each.name)} | {each.value:,} | {_limit(each.value, each.limit)} |"


def _above(value: float, limit: float | None) -> bool:
    return limit is not None and not value <= limit


def _limit(value: float, limit: float | None) -> str:
    if limit is None:
        return ""
    return f"**{number(limit)}: missed**" if _above(value, limit) else f"{number(limit)}: met"


def _exponents(chart: Chart) -> Iterator[str]:
    yield f"| {cell(chart.title)} | {cell(chart.y)} by {cell(chart.x)} | exponent from a hundredth of the most on |"
    yield "| --- | --- | --- |"
    for name, points in chart.series.items():
        shown = ", ".join(f"{number(x)}: {number(y)}" for x, y in points)
        found = exponent(points)
        yield f"| {cell(name)} | {shown} | {'' if found is None else f'{found:.2f}'} |"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
