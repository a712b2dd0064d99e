"""A terminal that acts on the codes that the live area uses, and shows its screen."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from rich.cells import chop_cells
from rich.console import Console

_TOKEN = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Terminal(io.TextIOWrapper):
    """A terminal of a fixed width, which keeps every line that was ever printed.

    ``writes`` are the texts that were written.
    """

    def __init__(self, width: int = 80, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self.columns = width
        self.lines = [""]
        self.writes: list[str] = []
        self._cursor_hidden = False
        self._row = self._column = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        super().write(text)  # raises for characters that the encoding does not have
        if text:
            self.writes.append(text)
        for code in _tokens(text):
            self._act(*code)
        return len(text)

    def hides_cursor(self) -> bool:
        return self._cursor_hidden

    def shown(self) -> list[str]:
        """Return all lines without the empty ones at the end."""
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def resize(self, width: int) -> None:
        """Make it narrower, and wrap the lines as terminals do. The cursor stays at its character."""
        wrapped: list[str] = []
        row = 0
        for number, line in enumerate(self.lines):
            if number == self._row:
                row = len(wrapped)
            wrapped += chop_cells(line.rstrip(), width) or [""]
        self.lines, self._row, self.columns = wrapped, row, width

    def _act(self, parameters: str, code: str, control: str, text: str) -> None:
        if text:
            self._print(text)
        elif control == "\r":
            self._column = 0
        elif control == "\n":
            self._row, self._column = self._row + 1, 0
            self.lines += [""] * (self._row + 1 - len(self.lines))
        elif code == "A":
            self._row = max(self._row - int(parameters), 0)
        elif code == "K":
            self.lines[self._row] = self.lines[self._row][: self._column]
        elif code == "J":
            assert not parameters, "the whole screen is never cleared"
            self.lines[self._row :] = [self.lines[self._row][: self._column]]
        elif parameters == "?25":
            self._cursor_hidden = code == "l"
        else:
            assert code == "m", f"unknown code {parameters}{code}"

    def _print(self, text: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)


def console_of(terminal: Terminal, height: int = 24) -> Console:
    """Return a console that writes to the terminal, without colours."""
    return Console(
        file=terminal,
        force_terminal=True,
        color_system=None,
        width=terminal.columns,
        height=height,
        soft_wrap=True,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _tokens(text: str) -> Iterator[tuple[str, str, str, str]]:
    at = 0
    for found in _TOKEN.finditer(text):
        assert found.start() == at, f"unknown code in {text[at : found.start()]!r}"
        at = found.end()
        yield found[1] or "", found[2] or "", found[3] or "", found[4] or ""
    assert at == len(text)
