"""A line of a plan, which the terminal and markdown draw."""

from __future__ import annotations

from dataclasses import dataclass

from pipectl.output.console import Line


@dataclass(frozen=True)
class PlanLine:
    """A line of a plan.

    Args:
        sign: ``+``, ``-``, ``~``, ``!``, ``✓``, ``±``, ``>`` or a space.
        depth: 0 for a change, 1 for its attributes and risks, 2 and more for what is in them.
        parts: The text.
    """

    sign: str
    depth: int
    parts: Line
