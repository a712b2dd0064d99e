"""Counts as one line of small bars."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"
_ASCII = "_.:-=+*#"


def sparkline(counts: Sequence[int], *, ascii_only: bool = False) -> str:
    """Return one character for each count, the highest for the largest. Only zero is at the bottom."""
    levels, most = _ASCII if ascii_only else _BARS, max(counts, default=0)
    top = len(levels) - 1
    # The smallest count that is not zero is visible beside the largest one.
    return "".join(levels[max(1, round(count / most * top)) if count > 0 else 0] for count in counts)
