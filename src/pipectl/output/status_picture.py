"""The pipeline as a picture, with the figures of the last hour at its arrows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pipectl.monitoring.health import Flow, Health
from pipectl.output import looks
from pipectl.output.console import Line, Part
from pipectl.timestamps import duration

_UNKNOWN = "?"


def picture(health: Health, *, ascii_only: bool) -> Iterator[Line]:
    """Yield the lines of the picture; it is at most 120 columns wide."""
    flow = health.flow
    dash, tip, down, corner = ("-", ">", "|", "`") if ascii_only else ("─", "▶", "│", "└")

    def arrow(figure: str, style: str = "") -> tuple[Part, ...]:
        return f" {dash} ", (figure, style), f" {dash * 2}{tip} "

    written, waited = f"{_count(flow.written)} written/h", _waited(flow.waited)
    first: Line = (
        ("orders", "bold"),
        *arrow(written),
        ("stream", "bold"),
        *arrow(waited),
        ("processor", "bold"),
        *arrow(f"{_stored(flow)} ok/h"),
        ("bucket", "bold"),
    )
    margin = sum(len(part if isinstance(part, str) else part[0]) for part in first[:8])
    failed, queued = _count(flow.errors), _count(flow.queued)
    yield ("  ", *first)
    yield (" " * (margin + 2), down, "  ", (f"{failed} errors/h", looks.BAD if flow.errors else ""))
    yield (
        " " * (margin + 2),
        f"{corner}{dash * 2}{tip} ",
        ("queue", "bold"),
        *arrow(f"{queued} waiting", looks.ATTENTION if flow.queued else ""),
        ("auditor", "bold"),
        f" {dash * 2}{tip} ",
        ("audit", "bold"),
        "  ",
        (f"{_count(flow.unresolved)} unresolved", looks.BAD if flow.unresolved else ""),
    )


def _count(value: int | None) -> str:
    """``1,200``, ``120k`` or ``12M``: short, so that the picture fits."""
    if value is None:
        return _UNKNOWN
    if value < 100_000:
        return f"{value:,}"
    return f"{value // 1000}k" if value < 10_000_000 else f"{value // 1_000_000:,}M"


def _stored(flow: Flow) -> str:
    if flow.invocations is None or flow.errors is None:
        return _UNKNOWN
    return _count(max(flow.invocations - flow.errors, 0))


def _waited(waited: timedelta | None) -> str:
    return "no lag" if waited is None else f"lag {duration(waited)}"
