"""Text that fits its place in a picture: wrapped at hyphens, smaller, or shortened in the middle."""

from __future__ import annotations

import re

from pipectl.output.svg import text_width

_WORDS = re.compile(r"[^-\s_./:]*[-\s_./:]*")
_SMALLEST = 8.0


def wrapped(text: str, width: float, size: float, *, mono: bool = False, bold: bool = False) -> list[str]:
    """Return the lines of a text, broken after hyphens, dots, slashes, underscores and spaces.

    A word that is wider than a line is broken anywhere.
    """
    lines = [""]
    for word in _WORDS.findall(text):
        rest = word
        if lines[-1] and text_width((lines[-1] + rest).rstrip(), size, mono=mono, bold=bold) > width:
            lines.append("")
        while text_width((lines[-1] + rest).rstrip(), size, mono=mono, bold=bold) > width and len(rest) > 1:
            end = _longest(rest, width, size, mono=mono, bold=bold)
            lines[-1], rest = rest[:end], rest[end:]
            lines.append("")
        lines[-1] += rest
    return [line.rstrip() for line in lines if line.strip()]


def fitted(
    text: str, width: float, size: float, *, most: int, mono: bool = False, bold: bool = False
) -> tuple[list[str], float]:
    """Return at most ``most`` lines, and their size: smaller where they need it, at last shortened in the middle."""
    while True:
        lines = wrapped(text, width, size, mono=mono, bold=bold)
        if len(lines) <= most:
            return lines, size
        if size <= _SMALLEST:
            break
        size -= 0.5
    kept = len(text)
    while len(lines) > most:
        kept -= 1
        head = (kept + 1) // 2
        lines = wrapped(f"{text[:head]}…{text[len(text) - (kept - head) :]}", width, size, mono=mono, bold=bold)
    return lines, size


def _longest(text: str, width: float, size: float, *, mono: bool, bold: bool) -> int:
    """Return the length of the longest beginning that fits; at least one character."""
    end = 1
    while end < len(text) and text_width(text[: end + 1], size, mono=mono, bold=bold) <= width:
        end += 1
    return end
