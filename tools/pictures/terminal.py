"""A terminal in memory: turns the bytes of a recording into lines of cells, with every line that scrolled away."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import pyte
from pyte.screens import Char
from tools.pictures.session import Recording

_UNFINISHED = re.compile(r"\x1b(\[[0-9;?]*)?\Z")
_LOOKS = re.compile(r"\x1b\[([0-9;]*)m")


@dataclass(frozen=True)
class Look:
    """Colours as ``rrggbb``, as the name of one of the sixteen, or ``default``."""

    fg: str = "default"
    bg: str = "default"
    bold: bool = False
    dim: bool = False
    underline: bool = False


@dataclass(frozen=True)
class Run:
    """Text of one look. ``column`` is the cell in which it begins, ``width`` the number of its cells."""

    column: int
    width: int
    text: str
    look: Look


Line = tuple[Run, ...]


@dataclass(frozen=True)
class View:
    """The lines of a terminal from a time on. ``top`` is the number of lines that have scrolled away."""

    at: float
    top: int
    lines: tuple[Line, ...]


class Terminal:
    """Acts on what a program prints."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=100_000, ratio=0.5)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        text = self._rest + self._decoder.decode(data)
        unfinished = _UNFINISHED.search(text)
        self._rest = unfinished[0] if unfinished else ""
        self._stream.feed(_LOOKS.sub(_with_blink, text[: len(text) - len(self._rest)]))

    @property
    def top(self) -> int:
        """The number of lines that have scrolled away."""
        return len(self._screen.history.top)

    def lines(self) -> tuple[Line, ...]:
        """Return all lines, without the empty ones at the end."""
        shown = [self._screen.buffer[row] for row in range(self._screen.lines)]
        lines = [_runs(cells, self._screen.columns) for cells in [*self._screen.history.top, *shown]]
        while lines and not lines[-1]:
            lines.pop()
        return tuple(lines)


def lines_of(recording: Recording) -> tuple[Line, ...]:
    """Return all lines that a command leaves on the terminal."""
    terminal = Terminal(recording.columns, recording.rows)
    for chunk in recording.chunks:
        terminal.feed(chunk.data)
    return terminal.lines()


def views_of(recording: Recording) -> Iterator[View]:
    """Yield the terminal after each chunk that changes it."""
    terminal = Terminal(recording.columns, recording.rows)
    before: tuple[int, tuple[Line, ...]] = (0, ())
    for chunk in recording.chunks:
        terminal.feed(chunk.data)
        now = (terminal.top, terminal.lines())
        if now != before:
            yield View(chunk.at, *now)
        before = now


def text_of(line: Line) -> str:
    """Return the text of a line, with spaces where its cells are empty."""
    text, column = "", 0
    for run in line:
        text += " " * (run.column - column) + run.text
        column = run.column + run.width
    return text


def _runs(cells: Mapping[int, Char], columns: int) -> Line:
    """Return the runs of one line, without the empty cells at its end and between two runs of different looks."""
    runs = []
    placed = [(column, cells[column]) for column in range(columns)]
    for look, group in groupby(placed, key=lambda cell: _look(cell[1])):
        members = list(group)
        text = "".join(char.data for _, char in members)
        shown = text if look.bg != "default" or look.underline else text.strip(" ")
        if shown:
            before = text.index(shown)
            runs.append(Run(members[0][0] + before, len(members) - (len(text) - len(shown)), shown, look))
    return tuple(runs)


def _look(char: Char) -> Look:
    fg, bg = (char.bg, char.fg) if char.reverse else (char.fg, char.bg)
    return Look(fg, bg, bold=char.bold, dim=char.blink, underline=char.underscore)


def _with_blink(found: re.Match[str]) -> str:
    """Return a sequence of looks in which blinking stands for dim, which pyte does not have."""
    words = [int(word or 0) for word in found[1].split(";")]
    looks: list[int] = []
    while words:
        size = {(38, 5): 3, (48, 5): 3, (38, 2): 5, (48, 2): 5}.get((words[0], words[1] if words[1:] else -1), 1)
        looks += {2: [5], 5: [], 22: [22, 25]}.get(words[0], [words[0]]) if size == 1 else words[:size]
        words = words[size:]
    return f"\x1b[{';'.join(map(str, looks))}m" if looks else ""
