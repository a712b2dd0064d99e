"""Lines at the bottom of a terminal that are drawn again in place, below everything that is printed meanwhile.

Only lines that differ are written again, each change in one write, and never more lines than the terminal has, so that
nothing flickers. Each line is cut at the width of the terminal: a line that wraps could not be found again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.console import Console
from rich.text import Text

TICK_SECONDS = 0.25
"""Shortest time between two drawings."""
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[K", "\x1b[J"
_CUT = "..."
_LEAST_WIDTH = 8


class LiveArea:
    """The lines at the bottom of a terminal.

    The cursor waits at the beginning of the last line, so that a ``^C`` of the terminal is overwritten.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._shown: list[str] = []
        self._cells: list[int] = []
        self._next: Sequence[Text] | None = None
        self._width = 0

    @property
    def is_open(self) -> bool:
        return bool(self._shown)

    def prepare(self, lines: Sequence[Text]) -> None:
        """Show these lines with the next text that is printed above them, in one write."""
        self._next = lines

    def show(self, lines: Sequence[Text]) -> None:
        """Draw these lines in the place of those before; none remove the area."""
        with self._lock:
            self._next = None
            if not lines:
                self.close()
                return
            before, width, fitting = self._shown, self._width, self._fitting(lines)
            codes = self._to_first_line() if before else _HIDE_CURSOR
            self._keep(fitting)
            if width not in (0, self._width):  # compared last: the terminal can be resized meanwhile
                before, codes = [], codes + _CLEAR_BELOW
            elif self._shown == before:
                return
            codes += "\n".join(
                "" if before[at : at + 1] == [line] else f"{line}{_CLEAR_LINE}" for at, line in enumerate(self._shown)
            )
            codes += _CLEAR_BELOW if len(self._shown) < len(before) else ""
            self._write(f"{codes}\r")

    def above(self, draw: Callable[[], None]) -> None:
        """Print what ``draw`` prints to the terminal permanently, above the area."""
        with self._lock:
            if not self._shown:
                draw()
                return
            with self._console.capture() as captured:
                draw()
            codes = f"{self._to_first_line()}{_CLEAR_BELOW}{captured.get()}"
            if self._next is not None:
                self._keep(self._fitting(self._next))
                self._next = None
            self._write(codes + "\n".join(f"{line}{_CLEAR_LINE}" for line in self._shown) + "\r")

    def close(self) -> None:
        """Remove the area and show the cursor."""
        with self._lock:
            if self._shown:
                codes = self._to_first_line() + _CLEAR_BELOW + _SHOW_CURSOR
                self._shown, self._cells, self._width, self._next = [], [], 0, None
                self._write(codes)

    def leave_now(self) -> str:
        """Return the codes that show the cursor below the area, to be written without any lock."""
        return f"\n{_SHOW_CURSOR}" if self._shown else ""

    def _fitting(self, lines: Sequence[Text]) -> list[Text]:
        """Cut the lines at the width. Where there are too many, the last line of the area counts the others."""
        width, height = max(self._console.width - 1, _LEAST_WIDTH), max(self._console.height - 1, 1)
        if len(lines) > height:
            more = Text(f"  and {len(lines) - height + 1} more lines")
            lines = [*lines[: height - 1], more] if height > 1 else lines[-1:]
        return [self._cut(line, width) for line in lines]

    def _cut(self, line: Text, width: int) -> Text:
        text = line.copy()
        encoding = self._console.encoding
        with suppress(LookupError):  # an unknown encoding: written as it is
            plain = text.plain.encode(encoding, errors="backslashreplace").decode(encoding)
            text = text if plain == text.plain else Text(plain)
        if text.cell_len > width:
            text.truncate(width - len(_CUT))
            text.rstrip()
            text.append(_CUT)
        return text

    def _keep(self, texts: Sequence[Text]) -> None:
        self._shown, self._cells = list(map(self._rendered, texts)), [text.cell_len for text in texts]
        self._width = self._console.width

    def _rendered(self, text: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(text, end="")
        return captured.get()

    def _to_first_line(self) -> str:
        """Return the codes that move to the first line. A terminal that became narrower has wrapped the lines."""
        width = max(self._console.width, 1)
        up = sum(max(1, -(-cells // width)) for cells in self._cells[:-1])
        return f"\r\x1b[{up}A" if up else "\r"

    def _write(self, text: str) -> None:
        with suppress(OSError):  # a terminal that is gone ends no command in the middle of its changes
            self._console.file.write(text)
            self._console.file.flush()


class Ticker:
    """Calls a function again and again, in a thread of its own, until it is stopped.

    Args:
        tick: The function.
        seconds: Time between two calls.
    """

    def __init__(self, tick: Callable[[], None], seconds: float = TICK_SECONDS) -> None:
        self._tick = tick
        self._seconds = seconds
        self._stopped: threading.Event | None = None

    def start(self) -> None:
        """Start, if it does not run."""
        if self._stopped is None:
            self._stopped = threading.Event()
            threading.Thread(target=self._run, args=(self._stopped,), daemon=True).start()

    def stop(self) -> None:
        if self._stopped is not None:
            self._stopped.set()
            self._stopped = None

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._seconds):
            self._tick()
