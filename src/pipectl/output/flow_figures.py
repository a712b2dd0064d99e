"""Figures of the last hour along the pipeline, in the words of every picture of it."""

from __future__ import annotations

from dataclasses import dataclass

from pipectl.monitoring.health import Flow
from pipectl.timestamps import duration

_UNKNOWN = "?"


@dataclass(frozen=True)
class FlowFigures:
    """Short texts, such as ``1,200 written/h``; ``?`` stands for a figure that cannot be read."""

    written: str
    lag: str
    stored: str
    errors: str
    queued: str
    unresolved: str

    @classmethod
    def of(cls, flow: Flow) -> FlowFigures:
        return cls(
            written=f"{_count(flow.written)} written/h",
            lag=_lag(flow),
            stored=f"{_stored(flow)} ok/h",
            errors=f"{_count(flow.errors)} errors/h",
            queued=f"{_count(flow.queued)} waiting",
            unresolved=f"{_count(flow.unresolved)} unresolved",
        )


def _lag(flow: Flow) -> str:
    if flow.waited is not None:
        return f"lag {duration(flow.waited)}"
    return "no lag" if flow.written is not None else f"lag {_UNKNOWN}"


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
