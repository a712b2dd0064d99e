"""The lines at the bottom of a terminal: drawn in place, cut, and below what is printed meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from pipectl.output.live import LiveArea
from tests.output.terminal import Terminal, console_of


def area_on(terminal: Terminal, height: int = 24) -> tuple[LiveArea, Console]:
    console = console_of(terminal, height)
    return LiveArea(console), console


def show(area: LiveArea, *lines: str) -> None:
    area.show(list(map(Text, lines)))


def test_only_a_line_that_differs_is_written_again() -> None:
    terminal = Terminal()
    area, _ = area_on(terminal)
    show(area, "first 1 s", "second 1 s")
    show(area, "first 1 s", "second 1 s")
    assert len(terminal.writes) == 1
    show(area, "first 1 s", "second 2 s")
    assert len(terminal.writes) == 2
    assert "first" not in terminal.writes[1]
    assert terminal.shown() == ["first 1 s", "second 2 s"]


def test_lines_can_become_more_and_fewer() -> None:
    terminal = Terminal()
    area, _ = area_on(terminal)
    for lines in (["a"], ["a", "b", "c"], ["b"], ["b", "d"]):
        show(area, *lines)
        assert terminal.shown() == lines


def test_what_is_printed_stays_above_in_one_write() -> None:
    terminal = Terminal()
    area, console = area_on(terminal)
    show(area, "running 1 s", "7 wait")
    writes = len(terminal.writes)
    area.above(lambda: console.print("table created"))
    assert len(terminal.writes) == writes + 1
    assert terminal.shown() == ["table created", "running 1 s", "7 wait"]


def test_prepared_lines_replace_the_others_with_the_next_print() -> None:
    terminal = Terminal()
    area, console = area_on(terminal)
    show(area, "table 1 s", "7 wait")
    area.prepare([Text("6 wait")])
    assert terminal.shown() == ["table 1 s", "7 wait"]
    area.above(lambda: console.print("table created"))
    assert terminal.shown() == ["table created", "6 wait"]


def test_the_cursor_is_hidden_while_lines_are_shown() -> None:
    terminal = Terminal()
    area, _ = area_on(terminal)
    show(area, "a", "b")
    assert terminal.hides_cursor()
    assert area.leave_now() == "\n\x1b[?25h"
    area.close()
    assert not terminal.hides_cursor()
    assert terminal.shown() == []
    assert area.leave_now() == ""


def test_a_line_is_cut_at_the_width() -> None:
    terminal = Terminal(width=20)
    area, _ = area_on(terminal)
    show(area, "the table becomes ACTIVE", "\u8868" * 12)
    assert terminal.shown() == ["the table become...", f"{chr(0x8868) * 8}..."]


def test_a_character_that_the_terminal_cannot_show_is_written_as_an_escape() -> None:
    terminal = Terminal(width=20, encoding="ascii")
    area, _ = area_on(terminal)
    show(area, "± table replacing it")
    assert terminal.shown() == ["\\xb1 table repla..."]


def test_a_low_terminal_counts_the_lines_that_do_not_fit() -> None:
    terminal = Terminal()
    area, _ = area_on(terminal, height=4)
    show(area, "a", "b", "c", "d", "e")
    assert terminal.shown() == ["a", "b", "  and 3 more lines"]


def test_the_lowest_terminal_shows_the_last_line() -> None:
    terminal = Terminal()
    area, _ = area_on(terminal, height=1)
    show(area, "a", "b")
    assert terminal.shown() == ["b"]


def test_a_terminal_that_becomes_narrower_keeps_no_rest_of_a_line() -> None:
    terminal = Terminal(width=40)
    area, console = area_on(terminal)
    console.print("dev")
    show(area, "the first of these lines, quite long", "the second of these lines, quite long")
    terminal.resize(20)
    console.width = 20
    show(area, "the first of these lines, quite long", "the second of these lines, quite long")
    assert terminal.shown() == ["dev", "the first of the...", "the second of th..."]
    area.close()
    assert terminal.shown() == ["dev"]


class Resized(Console):
    """A console whose terminal becomes narrower just after its width was read."""

    narrower: Callable[[], int] | None = None

    @property
    def width(self) -> int:
        found = super().width
        if self.narrower:
            narrower, self.narrower = self.narrower, None
            self.width = narrower()
        return found

    @width.setter
    def width(self, width: int) -> None:
        self._width = width


def test_a_terminal_that_becomes_narrower_during_a_drawing_keeps_no_row() -> None:
    terminal = Terminal(width=40)
    console = Resized(file=terminal, force_terminal=True, color_system=None, width=40, height=24, soft_wrap=True)
    area = LiveArea(console)
    show(area, "first " + "x" * 30, "second " + "y" * 20)

    def narrower() -> int:
        terminal.resize(20)
        return 20

    console.narrower = narrower
    show(area, "first " + "x" * 30, "second " + "z" * 20)
    show(area, "first done", "second done")
    assert terminal.shown() == ["first done", "second done"]


def test_a_terminal_that_is_gone_is_no_error() -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            if text:
                raise OSError(5, "Input/output error")
            return 0

    area, _ = area_on(Gone())
    show(area, "a")
    area.close()
