"""A report that is drawn again and again in the same place, on the alternate screen of the terminal."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console

_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_LEAVE = "\x1b[?1049l\x1b[?25h"


class Redraw:
    """Draws each report over the one before. Without a terminal each follows the one before.

    The last report stays on the ordinary screen when the alternate one is left.

    Args:
        console: Where to draw.
        in_place: The console is a terminal that can move its cursor.
        gap: Elsewhere, an empty line separates two reports.
    """

    def __init__(self, console: Console, *, in_place: bool, gap: bool) -> None:
        self._console = console
        self._in_place = in_place
        self._gap = gap
        self._entered = False
        self._last: str | None = None

    def __enter__(self) -> Redraw:
        return self

    def show(self, draw: Callable[[], None]) -> None:
        """Draw a report.

        Args:
            draw: Prints it to the console.
        """
        if not self._in_place:
            if self._last is not None and self._gap:
                self._console.print()
            self._last = ""
            draw()
            return
        with self._console.capture() as captured:
            draw()
        self._last = captured.get()
        if not self._entered:
            self._console.set_alt_screen(True)
            self._console.show_cursor(False)
            self._entered = True
        self._write(self._frame(self._last.rstrip("\n").split("\n")))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._entered:
            return
        self._console.set_alt_screen(False)
        self._console.show_cursor(True)
        self._entered = False
        self._write(self._last or "")

    def leave_now(self) -> str:
        """Return the codes that leave the alternate screen, to be written without any lock."""
        return _LEAVE if self._entered else ""

    def _frame(self, lines: list[str]) -> str:
        """Return the codes of a whole screen. The last line counts the lines that do not fit."""
        height = self._console.height
        if len(lines) > height:
            lines = [*lines[: height - 1], f"... {len(lines) - height + 1} more lines: make the window higher"]
        return _HOME + "\n".join(f"{line}{_CLEAR_LINE}" for line in lines) + _CLEAR_BELOW

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
