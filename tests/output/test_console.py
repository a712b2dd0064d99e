"""The console: styles on words, a progress line on terminals alone."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from rich.console import Console

from pipectl.engine.model import Action, Change
from pipectl.errors import PipectlError
from pipectl.output.console import Part, Screen

CHANGE = Change("bucket", "bucket", "dev-bucket", Action.CREATE)


def colored(*parts: Part) -> str:
    screen = Screen()
    screen.out = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", highlight=False, markup=False
    )
    screen.line(*parts)
    assert isinstance(screen.out.file, io.StringIO)
    return screen.out.file.getvalue()


def test_a_style_ends_with_its_part() -> None:
    assert colored(("! ", "red"), "message") == "\x1b[31m! \x1b[0mmessage\n"
    assert colored(("2026", "dim"), " text") == "\x1b[2m2026\x1b[0m text\n"


def test_colors_that_are_forced_bring_no_cursor_codes_into_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    screen = Screen()
    screen.progress.started(CHANGE)
    screen.progress.finished(CHANGE, 1.5)
    screen.progress.failed(CHANGE, PipectlError("no"))
    screen.close()
    err = capsys.readouterr().err
    assert "\x1b[1;" in err
    for cursor_code in ("\x1b[?25", "\x1b[2K", "\x1b[1A", "\r"):
        assert cursor_code not in err


def written_to(outer: int) -> str:
    """Return what was written to a terminal that is closed on its inner side, and close it."""
    written = b""
    with suppress(OSError):  # Linux reports EIO at the end
        while chunk := os.read(outer, 65536):
            written += chunk
    os.close(outer)
    return written.decode()


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, show: Callable[[Screen], object]) -> tuple[str, str]:
    """Return what a screen writes to the terminal of stderr and to stdout."""
    monkeypatch.setenv("TERM", "xterm")
    outer, inner = pty.openpty()
    with os.fdopen(inner, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        screen = Screen()
        screen.out.file = io.StringIO()
        show(screen)
        screen.close()
        terminal.flush()
    return written_to(outer), screen.out.file.getvalue()


def test_a_step_is_a_line_of_the_terminal_that_the_result_removes(monkeypatch: pytest.MonkeyPatch) -> None:
    def show(screen: Screen) -> None:
        screen.opening("Looking for order-7\x1b[2J")
        screen.line("stored")
        screen.step("done")

    err, out = on_a_terminal(monkeypatch, show)
    assert out == "stored\n"
    assert "Looking for order-7\\x1b[2J" in err
    assert err.endswith("\r\x1b[J\x1b[?25h")


def test_a_long_body_wraps_beside_its_prefix_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix, body = (("  reason  ", "dim"),), ("amount must be a number, got something else",)
    screen = Screen()
    screen.out.file = io.StringIO()
    screen.hanging(prefix, body)
    assert screen.out.file.getvalue() == "  reason  amount must be a number, got something else\n"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    outer, inner = pty.openpty()
    with os.fdopen(inner, "w") as terminal:
        narrow = Screen(color=False)
        narrow.out.file = terminal
        narrow.hanging(prefix, body)
    assert written_to(outer).splitlines() == ["  reason  amount must be a number, got", "          something else"]


def test_a_long_step_is_cut_at_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    err, _ = on_a_terminal(monkeypatch, lambda screen: screen.step("reading " * 20))
    assert "reading reading" in err
    assert "reading " * 5 not in err


@pytest.mark.parametrize("name", ["COLUMNS", "LINES"])
@pytest.mark.parametrize("size", ["0", "00", "-1", "", "wide", "\u00b2", "9" * 5000])
def test_an_odd_size_of_the_terminal_hides_nothing(
    name: str, size: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, size)
    screen = Screen()
    screen.line("stored")
    screen.json({"stored": True})
    screen.note("no terminal to confirm on")
    out, err = capsys.readouterr()
    assert (out.splitlines()[0], out.splitlines()[-1], err) == ("stored", "}", "no terminal to confirm on\n")


def test_without_a_terminal_only_the_first_words_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.opening("Looking for order-7")
    screen.step("reading shard 3 of 8")
    screen.line("stored")
    assert capsys.readouterr() == ("stored\n", "Looking for order-7\n")
    quiet = Screen(quiet=True)
    quiet.opening("Looking for order-7")
    quiet.step("reading shard 3 of 8")
    assert capsys.readouterr() == ("", "")


def test_a_kept_resource_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    kept = Change("bucket", "bucket", "dev-bucket", Action.KEEP)
    screen.progress.started(kept)
    screen.progress.finished(kept, 0.1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("json_output", [True, False])
def test_a_credential_in_an_error_or_a_traceback_is_masked(
    json_output: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "EXAMPLETOKEN with 'quotes'\n")
    screen = Screen(json_output=json_output, verbose=True)
    try:
        int("invalid header: b'EXAMPLETOKEN with \\'quotes\\'\\n' at https://ada:s3cret@aws.test")
    except ValueError as error:
        screen.traceback()
        screen.error(PipectlError(str(error), hint="https://ada:s3cret@aws.test"))
        screen.error(PipectlError("EXAMPLETOKEN with 'quotes'\n"))
    err = capsys.readouterr().err
    assert "EXAMPLETOKEN" not in err
    assert "s3cret" not in err
