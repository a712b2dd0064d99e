"""Progress of long work: drawn on a terminal, printed every few seconds elsewhere, never with --quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipectl.errors import CancelledError
from pipectl.output.bar import progress
from pipectl.output.console import Screen
from pipectl.output.drawn_bar import DrawnBar
from tests.support import FakeClock

HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


def on_terminal(total: int | None, clock: FakeClock, steps: int, error: BaseException | None = None) -> str:
    """Return what a terminal of 80 columns gets while a bar counts one record a second."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    try:
        with DrawnBar(total, "record", terminal, clock.monotonic) as bar:
            for _ in range(steps):
                clock.sleep(1)
                bar.advance()
            if error:
                raise error
    except CancelledError:
        pass
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue()


def noted(capsys: pytest.CaptureFixture[str], *, quiet: bool = False) -> list[str]:
    """Return the lines of a bar without a terminal: 30 records, one every two seconds."""
    clock = FakeClock()
    screen = Screen(quiet=quiet, monotonic=clock.monotonic)
    with screen.progress.bar(30, "record") as bar:
        for _ in range(30):
            clock.sleep(2)
            bar.advance()
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (0, 30, 0.0, "0 of 30 records"),
        (0, 30, 9.0, "0 of 30 records"),
        (12, 30, 3.0, "12 of 30 records, 4.0/s, 4 s left"),
        (30, 30, 10.0, "30 of 30 records, 3.0/s"),
        (31, 30, 10.0, "31 of 30 records, 3.1/s"),
        (1, None, 2.0, "1 record, 0.5/s"),
        (2000, 60_000, 1.0, "2,000 of 60,000 records, 2,000.0/s, 29 s left"),
        (1, 10**9, 1.0, "1 of 1,000,000,000 records, 1.0/s"),
    ],
)
def test_the_words_have_count_rate_and_time_left_once_they_are_known(
    done: int, total: int | None, seconds: float, text: str
) -> None:
    assert progress(done, total, "record", seconds) == text


def test_a_terminal_gets_a_bar_that_is_removed_at_the_end() -> None:
    drawn = on_terminal(30, FakeClock(), 12)
    assert "12 of 30 records, 1.0/s, 18 s left" in drawn
    assert "━" in drawn
    assert drawn.index(HIDDEN) < drawn.index(SHOWN)
    assert drawn.endswith("\x1b[2K")


def test_a_bar_fits_into_80_columns() -> None:
    drawn = on_terminal(100_000, FakeClock(), 12_345)
    assert "12,345 of 100,000 records, 1.0/s, 24.3 h left" in drawn


def test_a_bar_of_unknown_length_counts() -> None:
    assert "3 records, 1.0/s" in on_terminal(None, FakeClock(), 3)


def test_the_cursor_comes_back_after_ctrl_c() -> None:
    drawn = on_terminal(30, FakeClock(), 1, CancelledError("interrupted"))
    assert drawn.rindex(SHOWN) > drawn.rindex(HIDDEN)


def test_without_a_terminal_there_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    lines = noted(capsys)
    assert lines[0] == "3 of 30 records, 0.5/s, 54 s left"
    assert len(lines) == 10


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert noted(capsys, quiet=True) == []


def test_forced_colors_bring_no_cursor_codes_into_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in "".join(noted(capsys))
