"""Find the texts of SVG pictures that are hard to read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from playwright.sync_api import Page

GROUNDS = {"light": "#ffffff", "dark": "#0d1117"}
"""The colour of a page on GitHub, in the light and in the dark."""
MEASURE = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
CONTRAST = 4.5
"""WCAG 2 AA. Large text needs less, but a picture is shown smaller where there is less room."""
SMALLEST = 11
"""Pixels, at the picture's own width."""


class Text(NamedTuple):
    """A text as it is drawn.

    Args:
        words: The text.
        place: Its letters: left, top, right and bottom in pixels.
        contrast: The lowest one between its colour and what is under it.
        crossing: Lines through it, and shapes above it.
        size: The size of its font in pixels.
        beyond: How far it is outside the box around it, in pixels. Inside, the number is negative.
    """

    words: str
    place: tuple[float, float, float, float]
    contrast: float
    crossing: list[str]
    size: float
    beyond: float


def texts(page: Page, selector: str, ground: str) -> list[Text]:
    """Measure the visible texts of the pictures in an element."""
    found = page.locator(selector).evaluate(f"(root, ground) => ({MEASURE})(root, ground)", ground)
    return [
        Text(
            words=each["words"],
            place=tuple(each["box"][side] for side in ("left", "top", "right", "bottom")),
            contrast=round(each["contrast"], 1),
            crossing=each["crossing"],
            size=each["size"],
            beyond=each["beyond"],
        )
        for each in found
    ]


def faults(found: list[Text], smallest: float = SMALLEST) -> list[str]:
    """Describe the texts that are hard to read."""
    return [*(f"{text.words!r} {fault}" for text in found for fault in _faults(text, smallest)), *_overlaps(found)]


def _faults(text: Text, smallest: float) -> Iterator[str]:
    if text.contrast < CONTRAST:
        yield f"has a contrast of {text.contrast}"
    if text.crossing:
        yield f"is crossed by {', '.join(text.crossing)}"
    if text.beyond > 0:
        yield f"is {text.beyond:.0f} px outside its box"
    if text.size < smallest:
        yield f"has {text.size:.1f} px"


def _overlaps(found: list[Text]) -> Iterator[str]:
    for one, other in combinations(found, 2):
        left, top = max(one.place[0], other.place[0]), max(one.place[1], other.place[1])
        right, bottom = min(one.place[2], other.place[2]), min(one.place[3], other.place[3])
        if right - left > 1 and bottom - top > 1:
            yield f"{one.words!r} overlaps {other.words!r}"
