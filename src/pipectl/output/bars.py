"""Counts as horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 30
"""Characters of the longest bar, which leave room for the other columns on 80 characters."""
_SHARE_WIDTH = 8
_EIGHTHS = "▏▎▍▌▋▊▉"
FULL, _REST = "█", "░"
CHARACTERS = _EIGHTHS + FULL + _REST
"""Characters that bars have where the output can show them."""


def bars(counts: Sequence[int], *, ascii_only: bool = False) -> list[str]:
    """Return a bar for each count, the longest one for the largest. A count that is not zero is visible."""
    most = max(counts, default=0)
    return [_bar(count / most if most else 0, ascii_only=ascii_only) if count > 0 else "" for count in counts]


def share_bar(done: int, total: int, *, ascii_only: bool = False) -> str:
    """Return a bar of fixed width for the part of work that is done. It is never full: the work would have ended."""
    filled = min(_SHARE_WIDTH - 1, done * _SHARE_WIDTH // total) if total else 0
    return f"{FULL * filled:{_REST}<{_SHARE_WIDTH}}" if not ascii_only else f"[{'#' * filled:.<{_SHARE_WIDTH}}]"


def _bar(share: float, *, ascii_only: bool) -> str:
    if ascii_only:
        return "#" * max(1, round(share * WIDTH))
    full, eighths = divmod(max(1, round(share * WIDTH * 8)), 8)
    return FULL * full + (_EIGHTHS[eighths - 1] if eighths else "")
