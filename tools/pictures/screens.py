"""Pictures of a terminal: each cell has its place on a grid, and the text can be selected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tools.pictures.colours import Colour, hexadecimal, mixed, readable
from tools.pictures.session import Recording
from tools.pictures.terminal import Line, Look, Run, lines_of, text_of

from pipectl.output.svg import MONO, Theme, number

CELL = 9.0
ROW = 19.0
SIZE = 15.0
"""Pixels: the width and the height of a cell, and the font. A usual font's characters are 0.6 of its size wide."""
MARGIN = 16.0
BAR = 30.0
"""Pixels around the text, and the height of the bar above it."""
_BASELINE = 14.0

_SIXTEEN = {
    "black": "000000",
    "red": "cd0000",
    "green": "00cd00",
    "brown": "cdcd00",
    "blue": "0000ee",
    "magenta": "cd00cd",
    "cyan": "00cdcd",
    "white": "e5e5e5",
    "brightblack": "7f7f7f",
    "brightred": "ff0000",
    "brightgreen": "00ff00",
    "brightbrown": "ffff00",
    "brightblue": "5c5cff",
    "brightmagenta": "ff00ff",
    "brightcyan": "00ffff",
    "brightwhite": "ffffff",
}


@dataclass(frozen=True)
class Window:
    """The size of a terminal in cells."""

    columns: int
    rows: int

    @property
    def width(self) -> float:
        return self.columns * CELL + 2 * MARGIN

    @property
    def height(self) -> float:
        return self.rows * ROW + BAR + MARGIN


def screen(name: str, recordings: Sequence[Recording], theme: Theme) -> str:
    """Return the picture of a terminal after commands.

    Args:
        name: The name of the picture.
        recordings: The commands. Each is shown with a prompt, as it was typed.
        theme: The colours.
    """
    lines: list[Line] = []
    for recording in recordings:
        lines += [*([()] if lines else []), *prompt(recording), *lines_of(recording)]
    window = Window(recordings[0].columns, len(lines))
    title = ", then ".join(recording.line for recording in recordings)
    body = [drawn for row, line in enumerate(lines) for drawn in line_of(line, row, theme)]
    return document(name, window, body, theme, title=title, description="\n".join(map(text_of, lines)))


def prompt(recording: Recording) -> tuple[Line, ...]:
    """Return the lines with the prompt and the command as typed."""
    shown = f"$ {recording.line}"
    pieces = [shown[at : at + recording.columns] for at in range(0, len(shown), recording.columns)]
    first = (Run(0, 1, "$", Look(dim=True)), Run(2, len(pieces[0]) - 2, pieces[0][2:], Look(bold=True)))
    return (first, *((Run(0, len(piece), piece, Look(bold=True)),) for piece in pieces[1:]))


def document(
    name: str,
    window: Window,
    body: Iterable[str],
    theme: Theme,
    *,
    title: str,
    description: str,
    css: str = "",
    caption: str = "",
) -> str:
    """Return a picture of a window with the body as its text.

    Args:
        name: The beginning of the ids.
        window: The size.
        body: The elements. Their origin is the first cell.
        theme: The colours.
        title: The command.
        description: The text, for people who do not see it.
        css: More rules.
        caption: A text at the right of the bar.
    """
    width, height = number(window.width), number(window.height)
    line = theme.colours["line"]
    frame = f'x="0.5" y="0.5" width="{number(window.width - 1)}" height="{number(window.height - 1)}" rx="8"'
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    labels = f'aria-labelledby="{name}-title {name}-description"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {labels}>',
            f'<title id="{name}-title">{escape(title)}</title>',
            f'<desc id="{name}-description">{escape(description)}</desc>',
            f"<style>{_css(theme)}{css}</style>",
            f'<rect {frame} fill="{hexadecimal(background(theme))}" stroke="{line}" stroke-opacity=".5"/>',
            *(f'<circle class="dot" cx="{number(MARGIN + 4 + 18 * at)}" cy="15" r="5"/>' for at in range(3)),
            f'<text class="caption" x="{number(window.width - MARGIN)}" y="20">{escape(caption)}</text>',
            f'<g transform="translate({number(MARGIN)} {number(BAR)})">',
            *body,
            "</g>",
            "</svg>",
            "",
        ]
    )


def line_of(line: Line, row: int, theme: Theme) -> list[str]:
    """Return the elements of one line."""
    return [element for run in line for element in _run(run, row, theme)]


def colours_of(look: Look, theme: Theme) -> tuple[Colour, Colour]:
    """Return the colours of text and background. Their contrast is at least 4.5."""
    back = background(theme) if look.bg == "default" else _colour(look.bg)
    fore = Colour.of(theme.colours["text"]) if look.fg == "default" else _colour(look.fg)
    if look.dim:
        fore = Colour.of(theme.colours["muted"]) if look.fg == "default" else mixed(fore, back, 0.3)
    return readable(fore, back), back


def background(theme: Theme) -> Colour:
    """Return the background of the terminal."""
    return Colour.of(theme.colours["background"])


def _css(theme: Theme) -> str:
    colour = theme.colours
    return "".join(
        [
            f"text{{font:{number(SIZE)}px {MONO};white-space:pre;fill:{colour['text']}}}",
            ".b{font-weight:700}",
            f".dot{{fill:{colour['line']};opacity:.5}}",
            f".caption{{font-size:12px;text-anchor:end;fill:{colour['muted']}}}",
        ]
    )


def _run(run: Run, row: int, theme: Theme) -> Iterable[str]:
    fore, back = colours_of(run.look, theme)
    x, width = number(run.column * CELL), number(run.width * CELL)
    if run.look.bg != "default":
        size = f'width="{number(run.width * CELL + 2)}" height="{number(ROW)}"'
        yield f'<rect x="{number(run.column * CELL - 1)}" y="{number(row * ROW)}" {size} fill="{hexadecimal(back)}"/>'
    usual = hexadecimal(fore) == theme.colours["text"]
    looks = [
        *(['class="b"'] if run.look.bold else []),
        *([] if usual else [f'style="fill:{hexadecimal(fore)}"']),
        *(['text-decoration="underline"'] if run.look.underline else []),
    ]
    place = f'x="{x}" y="{number(row * ROW + _BASELINE)}" textLength="{width}" lengthAdjust="spacingAndGlyphs"'
    yield f"<text {' '.join([place, *looks])}>{escape(run.text, quote=False)}</text>"


def _colour(name: str) -> Colour:
    return Colour.of(_SIXTEEN.get(name, name))
