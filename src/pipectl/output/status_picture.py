"""The pipeline as a picture, with the figures of the last hour at its arrows."""

from __future__ import annotations

from collections.abc import Iterator

from pipectl.monitoring.health import Health
from pipectl.output import looks
from pipectl.output.console import Line, Part
from pipectl.output.flow_figures import FlowFigures


def picture(health: Health, *, ascii_only: bool) -> Iterator[Line]:
    """Yield the lines of the picture; it is at most 120 columns wide."""
    flow, figures = health.flow, FlowFigures.of(health.flow)
    dash, tip, down, corner = ("-", ">", "|", "`") if ascii_only else ("─", "▶", "│", "└")

    def arrow(figure: str, style: str = "") -> tuple[Part, ...]:
        return f" {dash} ", (figure, style), f" {dash * 2}{tip} "

    first: Line = (
        ("orders", "bold"),
        *arrow(figures.written),
        ("stream", "bold"),
        *arrow(figures.lag),
        ("processor", "bold"),
        *arrow(figures.stored),
        ("bucket", "bold"),
    )
    margin = sum(len(part if isinstance(part, str) else part[0]) for part in first[:8])
    yield ("  ", *first)
    yield (" " * (margin + 2), down, "  ", (figures.errors, looks.BAD if flow.errors else ""))
    yield (
        " " * (margin + 2),
        f"{corner}{dash * 2}{tip} ",
        ("queue", "bold"),
        *arrow(figures.queued, looks.ATTENTION if flow.queued else ""),
        ("auditor", "bold"),
        f" {dash * 2}{tip} ",
        ("audit", "bold"),
        "  ",
        (figures.unresolved, looks.BAD if flow.unresolved else ""),
    )
