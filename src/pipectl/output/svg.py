"""Drawing primitives for SVG pictures: themes, colours by meaning, boxes, arrows, labels.

Elements have classes and no ``style`` attribute. `css` has the rules of the classes: `document` writes them into a
picture that is a file, and an HTML page writes them into its own stylesheet. So a page needs no inline styles, which
its content security policy refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape

from pipectl.output.printable import printable

Point = tuple[float, float]

SANS = 'system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'


class Tone(StrEnum):
    """The meaning of a colour. A sign or a word beside it always has the same meaning."""

    PLAIN = "plain"
    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"
    UNKNOWN = "unknown"
    MUTED = "muted"
    ACCENT = "accent"


@dataclass(frozen=True)
class Theme:
    """Colours by name.

    Args:
        name: The suffix of the file, such as ``light``.
        colours: CSS colours: ``background``, ``surface`` (plain boxes), ``text``, ``muted``, ``line``, ``accent``; and
            for each of ``good``, ``attention``, ``bad`` and ``unknown`` one for text and lines, and ``...-surface``.
    """

    name: str
    colours: Mapping[str, str]


LIGHT = Theme(
    "light",
    {
        "background": "#ffffff",
        "surface": "#f6f8fa",
        "text": "#1f2328",
        "muted": "#59636e",
        "line": "#6e7781",
        "accent": "#0550ae",
        "good": "#116329",
        "good-surface": "#dafbe1",
        "attention": "#7d4e00",
        "attention-surface": "#fff8c5",
        "bad": "#a40e26",
        "bad-surface": "#ffebe9",
        "unknown": "#6639ba",
        "unknown-surface": "#fbefff",
    },
)
DARK = Theme(
    "dark",
    {
        "background": "#0d1117",
        "surface": "#1b222c",
        "text": "#f0f6fc",
        "muted": "#a6afba",
        "line": "#8b949e",
        "accent": "#79c0ff",
        "good": "#56d364",
        "good-surface": "#0f2f1a",
        "attention": "#e3b341",
        "attention-surface": "#342a0c",
        "bad": "#ff938a",
        "bad-surface": "#3f1719",
        "unknown": "#d2a8ff",
        "unknown-surface": "#2a1d45",
    },
)
PAGE = Theme("page", {name: f"var(--{name})" for name in LIGHT.colours})
"""Colours as CSS variables, which an HTML page sets with `variables`."""

_TONES = (Tone.GOOD, Tone.ATTENTION, Tone.BAD, Tone.UNKNOWN)


def variables(theme: Theme) -> str:
    """Return the CSS declarations that set the variables of `PAGE` to the colours of a theme."""
    return ";".join(f"--{name}:{colour}" for name, colour in theme.colours.items())


def css(theme: Theme) -> str:
    """Return the rules of the classes that the primitives use. They apply to SVG pictures alone."""
    colour = theme.colours
    rules = [
        f"svg.picture text{{font-family:{SANS};fill:{colour['text']}}}",
        f"svg.picture .mono{{font-family:{MONO}}}",
        "svg.picture .bold{font-weight:600}",
        f"svg.picture .back{{fill:{colour['background']}}}",
        f"svg.picture .box{{fill:{colour['surface']};stroke:{colour['line']}}}",
        f"svg.picture .line{{fill:none;stroke:{colour['line']}}}",
        f"svg.picture .tip{{fill:{colour['line']}}}",
        "svg.picture .sign{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}",
        f"svg.picture text.muted{{fill:{colour['muted']}}}",
        f"svg.picture .line.accent{{stroke:{colour['accent']}}}",
        f"svg.picture text.accent,svg.picture .tip.accent{{fill:{colour['accent']}}}",
        f"svg.picture .box.muted{{fill:{colour['background']}}}",
    ]
    for tone in _TONES:
        rules += [
            f"svg.picture .box.{tone}{{fill:{colour[f'{tone}-surface']};stroke:{colour[tone]}}}",
            f"svg.picture .line.{tone}{{stroke:{colour[tone]}}}",
            f"svg.picture .sign.{tone}{{stroke:{colour[tone]}}}",
            f"svg.picture text.{tone},svg.picture .tip.{tone}{{fill:{colour[tone]}}}",
        ]
    return "".join(rules)


def document(
    width: float, height: float, body: Iterable[str], *, theme: Theme, title: str, description: str, name: str
) -> str:
    """Return a whole picture.

    Args:
        width: The width in pixels; the picture shrinks where there is less room.
        height: The height in pixels.
        body: The elements.
        theme: The colours. With `PAGE` the picture has no stylesheet: the page has it.
        title: The picture in a few words.
        description: The picture in sentences, for people who do not see it.
        name: The beginning of the ids, which are unique in a page.
    """
    size = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    about = f'role="img" aria-labelledby="{name}-title {name}-description"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture" {size} {about}>',
        f'<title id="{name}-title">{escaped(title)}</title>',
        f'<desc id="{name}-description">{escaped(description)}</desc>',
        *([] if theme is PAGE else [f"<style>{css(theme)}</style>"]),
        f'<rect class="back" width="{number(width)}" height="{number(height)}" rx="8"/>',
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def box(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    tone: Tone = Tone.PLAIN,
    radius: float = 8,
    dashed: bool = False,
    thickness: float = 1.5,
) -> str:
    """Return a rectangle with round corners."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
    return f'<rect class="box {tone}" {place} stroke-width="{number(thickness)}"{_dashes(dashed)}/>'


def line(points: Sequence[Point], *, tone: Tone = Tone.PLAIN, dashed: bool = False, thickness: float = 1.5) -> str:
    """Return a line through the points, with round corners."""
    return f'<path class="line {tone}" d="{_path(points)}" stroke-width="{number(thickness)}"{_dashes(dashed)}/>'


def arrow(points: Sequence[Point], *, tone: Tone = Tone.PLAIN, dashed: bool = False, thickness: float = 1.5) -> str:
    """Return a line through the points, with a tip at the last one."""
    (x, y), (tip_x, tip_y) = points[-2], points[-1]
    length = math.hypot(tip_x - x, tip_y - y) or 1.0
    across, up = (tip_x - x) / length, (tip_y - y) / length
    root_x, root_y = tip_x - 9 * across, tip_y - 9 * up
    corners = ((tip_x, tip_y), (root_x - 4.5 * up, root_y + 4.5 * across), (root_x + 4.5 * up, root_y - 4.5 * across))
    drawn = " ".join(f"{number(a)},{number(b)}" for a, b in corners)
    tip = f'<polygon class="tip {tone}" points="{drawn}"/>'
    return line([*points[:-1], (root_x, root_y)], tone=tone, dashed=dashed, thickness=thickness) + tip


def label(
    x: float,
    y: float,
    text: str,
    *,
    tone: str = Tone.PLAIN,
    size: float = 13,
    anchor: str = "start",
    bold: bool = False,
    mono: bool = False,
) -> str:
    """Return a line of text. ``y`` is its baseline; ``anchor`` is ``start``, ``middle`` or ``end``."""
    classes = " ".join([tone, *(["bold"] if bold else []), *(["mono"] if mono else [])])
    place = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}"'
    kept = ' xml:space="preserve"' if mono else ""
    end = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{classes}" {place}{end}{kept}>{escaped(text)}</text>'


def sign(x: float, y: float, tone: Tone) -> str:
    """Return a sign around a point, 14 pixels wide: a check mark, ``!``, a cross, or ``?``. Drawn: fonts lack them."""
    drawn = {
        Tone.GOOD: "M-5 0.5l3.5 4l6.5-8.5",
        Tone.ATTENTION: "M0-6v6.5M0 5v0.2",
        Tone.BAD: "M-4.5-4.5l9 9M4.5-4.5l-9 9",
        Tone.UNKNOWN: "M-3-3a3 3 0 1 1 4.5 2.6q-1.5 0.9-1.5 2.4M0 5.5v0.2",
    }
    if tone not in drawn:
        return ""
    return f'<path class="sign {tone}" transform="translate({number(x)} {number(y)})" d="{drawn[tone]}"/>'


def text_width(text: str, size: float, *, mono: bool = False, bold: bool = False) -> float:
    """Return the width of a text in pixels, with room for wide fonts."""
    if mono:
        return len(text) * size * 0.61
    return sum(_relative_width(character) for character in text) * size * (1.08 if bold else 1)


def _relative_width(character: str) -> float:
    """Return the width of a character relative to the font size, as DejaVu Sans has it: others are narrower."""
    if character in "ijl.,:;'|!I ":
        return 0.34
    if character in "mwMW@%":
        return 0.95
    if character in "frt-()/[]":
        return 0.42
    if character.isupper():
        return 0.72
    return 0.64 if ord(character) < 0x1100 else 1.0


def escaped(text: str) -> str:
    """Return a text for XML, without characters that XML does not allow, or that reverse the text beside them."""
    return escape(printable(text))


def number(value: float) -> str:
    """Write a coordinate with at most one digit after the point."""
    return f"{value:.1f}".removesuffix(".0")


def _dashes(dashed: bool) -> str:
    return ' stroke-dasharray="6 4"' if dashed else ""


def _path(points: Sequence[Point], radius: float = 8) -> str:
    """Return the path through the points. Each corner becomes a curve of ``radius`` pixels at most."""
    drawn = [f"M{_at(points[0])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        bend = min(radius, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        drawn.append(f"L{_at(_towards(corner, before, bend))}Q{_at(corner)} {_at(_towards(corner, after, bend))}")
    return "".join([*drawn, f"L{_at(points[-1])}"])


def _at(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _towards(start: Point, end: Point, length: float) -> Point:
    whole = math.dist(start, end) or 1.0
    return start[0] + (end[0] - start[0]) * length / whole, start[1] + (end[1] - start[1]) * length / whole
