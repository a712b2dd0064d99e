"""A report that is drawn again: in place on a terminal, one after the other elsewhere."""

from __future__ import annotations

import io
from functools import partial

import pytest
from rich.console import Console

from pipectl.errors import CancelledError
from pipectl.output.console import Screen
from pipectl.output.redraw import Redraw


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(height: int = 5) -> Console:
    return Console(
        file=Terminal(), force_terminal=True, color_system=None, width=20, height=height, soft_wrap=True, markup=False
    )


def written(found: Console) -> str:
    assert isinstance(found.file, io.StringIO)
    return found.file.getvalue()


def test_each_report_is_drawn_over_the_one_before_and_the_last_stays() -> None:
    found = console()
    with Redraw(found, in_place=True, gap=True) as redraw:
        for number in (1, 2):
            redraw.show(partial(found.print, f"report {number}"))
    text = written(found)
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    assert text.count("\x1b[H") == 3, "one of the alternate screen itself"
    assert "\x1b[Hreport 2\x1b[K\x1b[J" in text
    assert text.endswith("\x1b[?25hreport 2\n")


def test_a_report_that_is_too_long_is_cut_and_says_so() -> None:
    found = console(height=3)
    with Redraw(found, in_place=True, gap=True) as redraw:
        redraw.show(lambda: found.print("a\nb\nc\nd\ne"))
        frame = written(found)
    assert "\x1b[Ha\x1b[K\nb\x1b[K\n... 3 more lines: make the window higher\x1b[K\x1b[J" in frame
    assert written(found).endswith("a\nb\nc\nd\ne\n")


@pytest.mark.parametrize(("gap", "expected"), [(True, "1\n\n2\n"), (False, "1\n2\n")])
def test_without_a_terminal_reports_follow_each_other(gap: bool, expected: str) -> None:
    found = Console(file=io.StringIO())
    with Redraw(found, in_place=False, gap=gap) as redraw:
        for number in (1, 2):
            redraw.show(partial(found.print, number))
    assert written(found) == expected


def test_an_error_before_the_first_report_leaves_the_terminal_as_it_is() -> None:
    found = console()
    with pytest.raises(KeyboardInterrupt), Redraw(found, in_place=True, gap=True):
        raise KeyboardInterrupt
    assert written(found) == ""


def test_a_second_ctrl_c_leaves_the_alternate_screen() -> None:
    screen = Screen()
    screen.out = console()
    with screen.redraw(gap=True) as redraw:
        redraw.show(lambda: screen.line("report"))
        assert screen.last_words(CancelledError("interrupted")).startswith("\x1b[?1049l\x1b[?25h")
    assert screen.last_words(CancelledError("interrupted")) == "Interrupted\n"
