"""English plurals."""

from __future__ import annotations


def pluralize(count: int, noun: str) -> str:
    """``1 item``, ``2 items``, ``1,200 items``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
