"""Colours can be read on dark and on light terminals, and are chosen in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import Color
from rich.style import Style
from tools.pictures import colours

from pipectl.failures.status import ReplayStatus
from pipectl.output import looks

BACKGROUNDS = {
    "black": "#000000",
    "dark grey": "#1e1e1e",
    "dark violet": "#171421",
    "dark blue": "#002b36",
    "cream": "#fdf6e3",
    "white": "#ffffff",
}
LEAST, LEAST_OF_BADGES = 3.0, 4.5
"""WCAG's contrast of bold and of other text."""
OUTPUT = Path(looks.__file__).parent
NAMES = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"}
ALL = {name: look for name, look in vars(looks).items() if name.isupper() and isinstance(look, str)}
ALL |= {f"FUNCTIONS {name}": look for name, look in looks.FUNCTIONS.items()}


def contrast(one: Color, other: Color) -> float:
    return colours.contrast(*(colours.Colour(*each.get_truecolor()) for each in (one, other)))


@pytest.mark.parametrize("name", ALL)
def test_a_look_has_contrast_on_every_background(name: str) -> None:
    style = Style.parse(ALL[name])
    if style.color is None:
        return
    if style.bgcolor:
        assert contrast(style.color, style.bgcolor) >= LEAST_OF_BADGES
        return
    ratios = {ground: contrast(style.color, Color.parse(value)) for ground, value in BACKGROUNDS.items()}
    assert min(ratios.values()) >= LEAST, ratios


@pytest.mark.parametrize("name", ALL)
def test_a_look_does_not_depend_on_the_colours_of_the_user(name: str) -> None:
    style = Style.parse(ALL[name])
    assert all(color.number is not None and color.number >= 16 for color in (style.color, style.bgcolor) if color)


def test_words_that_matter_are_bold_too() -> None:
    statuses = [looks.STATUS[status] for status in ReplayStatus]
    for look in (looks.GOOD, looks.BAD, looks.WARN, looks.UNSURE, looks.ATTENTION, *statuses):
        assert Style.parse(look).bold


def literals(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_colours_are_named_in_one_place() -> None:
    found = {
        (path.name, text)
        for folder in (OUTPUT, OUTPUT.parent / "cli")
        for path in folder.glob("*.py")
        for text in literals(path)
        if path.name != "looks.py" and (NAMES & set(text.split()) or "color(" in text) and len(text.split()) <= 4
    }
    assert not found
