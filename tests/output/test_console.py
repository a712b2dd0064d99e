"""The console: styles on words, a progress line on terminals alone."""

from __future__ import annotations

import io

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
    screen.started(CHANGE)
    screen.finished(CHANGE, 1.5)
    screen.failed(CHANGE, PipectlError("no"))
    screen.close()
    err = capsys.readouterr().err
    assert "\x1b[32m" in err
    for cursor_code in ("\x1b[?25", "\x1b[2K", "\x1b[1A", "\r"):
        assert cursor_code not in err


def test_a_kept_resource_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    kept = Change("bucket", "bucket", "dev-bucket", Action.KEEP)
    screen.started(kept)
    screen.finished(kept, 0.1)
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
