"""A chart as SVG, on logarithmic axes. Its background follows the reader's light or dark theme."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from bench.report import Chart, Points, exponent, number

WIDTH = 750
LEFT, RIGHT, TOP, BOTTOM = 80, 700, 48, 356
LEGEND = BOTTOM + 72
"""The first line of the legend, below the chart, where no line of a series crosses it."""
LIGHT = ("#0072b2", "#c04a00", "#00795a", "#a0447c", "#6b5b00", "#444444")
DARK = ("#56b4e9", "#ff9d5c", "#3fd0a4", "#e59cc6", "#e6d04a", "#cccccc")
"""Colours that people with colour blindness can distinguish. Each series also has a mark and dashes of its own."""
DASHES = ("none", "7 3", "2 3", "9 3 2 3", "4 4", "1 5")
MARKS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0",
    "M-4-4h8v8h-8z",
    "M0-5l5 9h-10z",
    "M0-5l5 5-5 5-5-5z",
    "M0 5l5-9h-10z",
    "M-5 0h10M0-5v10",
)


class _Axis:
    """Whole powers of ten around the values, and the place of a value between two pixels."""

    def __init__(self, values: list[float], start: float, end: float) -> None:
        self.low = math.floor(math.log10(min(values)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        step = max(1, (self.high - self.low) // 8)
        return [10.0**power for power in range(self.low, self.high + 1, step)]


def svg(chart: Chart) -> str:
    """Return the chart as an SVG document.

    Raises:
        ValueError: It has no points, or a coordinate is not positive.
    """
    points = [point for series in chart.series.values() for point in series]
    if not points:
        raise ValueError(f"a chart without points: {chart.title}")
    exponent(points)
    across = _Axis([x for x, _ in points], LEFT, RIGHT)
    up = _Axis([y for _, y in points], BOTTOM, TOP)
    lines = [*_frame(chart), *_grid(across, up)]
    for place, (name, series) in enumerate(chart.series.items()):
        lines += _series(place, name, series, across, up)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _frame(chart: Chart) -> Iterator[str]:
    height = LEGEND + 20 * len(chart.series)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    yield f"<title>{escape(chart.title)}</title>"
    yield f"<style>{''.join(_style())}</style>"
    yield f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>'
    yield f'<text x="{LEFT}" y="26" class="title">{escape(chart.title)}</text>'
    yield f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 40}" text-anchor="middle">{escape(chart.x)}</text>'
    middle = (TOP + BOTTOM) / 2
    yield f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{escape(chart.y)}</text>'


def _style() -> Iterator[str]:
    yield "text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:bold}.back{fill:#fff}"
    yield ".grid{stroke:#ccc}.line{fill:none;stroke-width:2}.mark{stroke-width:2}"
    yield from _colours(LIGHT)
    yield "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.back{fill:#0d1117}.grid{stroke:#3d444d}"
    yield from _colours(DARK)
    yield "}"


def _colours(colours: tuple[str, ...]) -> Iterator[str]:
    for place, colour in enumerate(colours):
        yield f".s{place}{{stroke:{colour}}}.mark.s{place}{{fill:{colour}}}"


def _grid(across: _Axis, up: _Axis) -> Iterator[str]:
    for value in across.ticks():
        x = across.at(value)
        yield f'<path class="grid" d="M{x} {TOP}V{BOTTOM}"/>'
        yield f'<text x="{x}" y="{BOTTOM + 18}" text-anchor="middle">{number(value)}</text>'
    for value in up.ticks():
        y = up.at(value)
        yield f'<path class="grid" d="M{LEFT} {y}H{RIGHT}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{number(value)}</text>'


def _series(place: int, name: str, points: Points, across: _Axis, up: _Axis) -> Iterator[str]:
    """Draw a line with its marks, and its name with the exponent below the chart."""
    kind = place % len(LIGHT)
    drawn = [f"{across.at(x)} {up.at(y)}" for x, y in sorted(points)]
    slope = exponent(points)
    label = name if slope is None else f"{name}: exponent {slope:.2f}"
    dashes = f'stroke-dasharray="{DASHES[kind]}"'
    if len(drawn) > 1:
        yield f'<path class="line s{kind}" {dashes} d="M{" L".join(drawn)}"/>'
    for point in drawn:
        yield f'<path class="mark s{kind}" transform="translate({point})" d="{MARKS[kind]}"/>'
    y = LEGEND + place * 20
    yield f'<path class="line s{kind}" {dashes} d="M{LEFT + 12} {y}h36"/>'
    yield f'<path class="mark s{kind}" transform="translate({LEFT + 30} {y})" d="{MARKS[kind]}"/>'
    yield f'<text x="{LEFT + 56}" y="{y + 4}">{escape(label)}</text>'
