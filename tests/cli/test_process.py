"""Commands in separate processes: Ctrl-C, pipes, terminals, and endpoints that are not AWS."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipectl.cli.options import Globals
from pipectl.cli.session import Session, run
from tests.cli_support import CALLER, endpoint, environment, interrupt, pipectl, start
from tests.resources.standard import MANAGED_TAGS
from tests.support import PATIENCE


@pytest.mark.parametrize("verbose", [None, True])
def test_a_bug_has_a_traceback_only_with_verbose(verbose: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise KeyError("Table")

    assert run(Session(Globals(verbose=verbose), "plan"), command) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "a bug in pipectl: KeyError: 'Table'" in err
    assert ("Traceback" in err) is bool(verbose)


def test_an_error_has_a_traceback_only_with_verbose(tmp_path: Path) -> None:
    for flags, shown in (((), False), (("-v",), True)):
        result = pipectl("-c", tmp_path / "none.yaml", "plan", *flags)
        assert result.exit_code == 2
        assert ("Traceback" in result.stderr) is shown


def test_an_endpoint_that_refuses_connections_is_reported_in_seconds(file: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    result = pipectl("-c", file, "plan", "--endpoint-url", url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert url in result.stderr
    assert "--endpoint-url" in result.stderr


def test_an_endpoint_that_is_not_aws(file: Path) -> None:
    with endpoint(lambda _: "<html><body>Hello</body></html>") as url:
        result = pipectl("-c", file, "plan", "--endpoint-url", url)
    assert result.exit_code == 1
    assert "not AWS" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_exits_with_130_and_no_traceback(number: signal.Signals, file: Path) -> None:
    asked, release = threading.Event(), threading.Event()

    def hang(_: str) -> str:
        asked.set()
        release.wait(PATIENCE)
        return ""

    with endpoint(hang) as url:
        process = start("-c", file, "--endpoint-url", url, "-o", "json", "plan")
        assert asked.wait(PATIENCE)
        interrupt(process, number)
        out, err = process.communicate(timeout=PATIENCE)
        release.set()
    assert process.returncode == 130
    assert out == ""
    assert json.loads(err.splitlines()[-1])["error"]["code"] == "Interrupted"
    assert "Traceback" not in err


def test_ctrl_c_ends_following_without_an_error(file: Path) -> None:
    asked = threading.Event()

    def answer(body: str) -> str:
        if "GetCallerIdentity" in body:
            return CALLER
        if "logGroupNamePrefix" in body:
            names = ("order-processor-lambda", "audit-processor-lambda")
            return json.dumps({"logGroups": [{"logGroupName": f"/aws/lambda/dev-{name}-backend"} for name in names]})
        if "resourceArn" in body:
            return json.dumps({"tags": MANAGED_TAGS})
        asked.set()
        return '{"events": []}'

    with endpoint(answer) as url:
        process = start("-c", file, "--endpoint-url", url, "logs", "-f")
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err.count("\n") == 1  # the note that it follows


@pytest.mark.parametrize("stream", ["stdout", "both"])
def test_a_closed_pipe_is_reported_by_the_exit_code_alone(stream: str, file: Path) -> None:
    """Close the other end of the pipe before anything is written, like ``pipectl ... | head -1``."""
    reading, writing = os.pipe()
    os.close(reading)
    other = {"stderr": writing} if stream == "both" else {}
    process = start("-c", file, "config", "show", stdout=writing, **other)
    os.close(writing)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert not err


def test_a_current_folder_that_was_deleted_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "deleted"
    folder.mkdir()
    script = "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]); os.execv(sys.argv[2], sys.argv[2:])"
    command = [sys.executable, "-c", script, str(folder), sys.executable, "-m", "pipectl", "up", "--watch"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "the current folder was deleted" in done.stderr) == (1, True)


def on_a_terminal(*args: str | Path, env: Mapping[str, str] | None = None, typed: bytes = b"") -> str:
    """Return the output of a command on a terminal, stdout and stderr together."""
    ours, theirs = pty.openpty()
    os.write(ours, typed)
    process = start(*args, stdin=theirs, stdout=theirs, stderr=theirs, env=env or environment())
    os.close(theirs)
    written = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux says EIO where others say end of file
            break
        if not chunk:
            break
        written += chunk
    process.wait(PATIENCE)
    os.close(ours)
    return written.decode()


def test_an_order_can_be_typed(file: Path) -> None:
    shown = on_a_terminal("-c", file, "send", "-", typed=b"[]\n\x04")
    assert "then Ctrl-D" in shown
    assert "the order is a list" in shown
    assert "reading" not in shown, "progress would hide what is typed"


def test_colours_are_for_terminals_and_can_be_switched_off(tmp_path: Path) -> None:
    command = ("-c", tmp_path / "none.yaml", "plan")
    assert "\x1b[" in on_a_terminal(*command)
    assert "\x1b" not in on_a_terminal(*command, "--no-color")
    plain = on_a_terminal(*command, env=environment(NO_COLOR="1"))
    assert "\x1b" not in plain
    assert "the file does not exist" in " ".join(plain.split())


def test_the_first_words_need_no_module_that_takes_long_to_import() -> None:
    code = "import sys, pipectl.cli.session; print(sorted({'botocore', 'pydantic', 'yaml'} & {*sys.modules}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("trace order-7", "Looking for order order-7"),
        ("verify", "reading"),
        *((command, "reading ") for command in ("plan", "up", "down")),
    ],
)
def test_the_first_words_on_a_terminal_come_before_anything_is_read(command: str, words: str, tmp_path: Path) -> None:
    first, _, rest = on_a_terminal("-c", tmp_path / "none.yaml", *command.split()).partition(words)
    assert "does not exist" not in first
    assert "does not exist" in rest


def test_piped_output_has_no_escape_codes(tmp_path: Path) -> None:
    _, err = start("-c", tmp_path / "none.yaml", "plan").communicate(timeout=PATIENCE)
    assert "the file does not exist" in err
    assert "\x1b" not in err


def test_a_long_line_is_not_broken_for_a_narrow_terminal(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    written = on_a_terminal("-c", folder / "none.yaml", "plan", "--no-color", env=environment(COLUMNS="40"))
    assert f"{folder}/none.yaml" in written
