"""Colours with enough contrast to be read."""

from __future__ import annotations

from typing import NamedTuple

CONTRAST = 4.5
"""The least contrast of text, by the Web Content Accessibility Guidelines, level AA."""


class Colour(NamedTuple):
    """Red, green and blue, each from 0 to 255."""

    red: float
    green: float
    blue: float

    @classmethod
    def of(cls, text: str) -> Colour:
        """Return the colour of ``#rrggbb`` or ``rrggbb``."""
        digits = text.removeprefix("#")
        return cls(*(float(int(digits[at : at + 2], 16)) for at in (0, 2, 4)))


BLACK, WHITE = Colour(0, 0, 0), Colour(255, 255, 255)


def hexadecimal(colour: Colour) -> str:
    """Return ``#rrggbb``."""
    return "#" + "".join(f"{round(part):02x}" for part in colour)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Return a colour with a share of another one, from 0 to 1."""
    return Colour(*(a + (b - a) * share for a, b in zip(colour, other, strict=True)))


def contrast(colour: Colour, other: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    low, high = sorted((_luminance(colour), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: Colour, background: Colour) -> Colour:
    """Return the colour, lighter or darker by as much as its contrast with the background needs."""
    end = max((BLACK, WHITE), key=lambda extreme: contrast(extreme, background))
    shares = (step / 50 for step in range(51))
    tries = (Colour(*map(round, mixed(colour, end, share))) for share in shares)
    return next(tried for tried in tries if contrast(tried, background) >= CONTRAST)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
