"""The end of a command: outputs that cannot be written, a second Ctrl-C, periods that are none."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipectl.cli.options import Globals
from pipectl.cli.session import Session, run
from tests.cli_support import CALLER, endpoint, error, pipectl, start
from tests.support import PATIENCE, THOROUGH

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the system has no device that is always full")
COMMANDS = {
    "help": ["--help"],
    "version": ["--version"],
    "help of a command": ["up", "--help"],
    "JSON": ["config", "schema"],
    "text": ["config", "show"],
    "an error": ["config", "show", "-c", "none.yaml"],
    "a usage error": ["plan", "--what"],
}


FULL_STREAMS = [
    (name, full)
    for name in COMMANDS
    for full in ("stdout", "stderr", "both")
    if THOROUGH or (name, full) in {("JSON", "stdout"), ("JSON", "stderr"), ("text", "both")}
]


@needs_full
@pytest.mark.parametrize(("name", "full"), FULL_STREAMS)
def test_an_output_that_cannot_be_written_is_an_error_without_a_traceback(name: str, full: str, file: Path) -> None:
    words = [sys.executable, "-m", "pipectl", "-c", str(file), *COMMANDS[name]]
    with FULL.open("w") as device:
        out = device if full in ("stdout", "both") else subprocess.PIPE
        err = device if full in ("stderr", "both") else subprocess.PIPE
        done = subprocess.run(words, stdout=out, stderr=err, text=True, check=False)
    fails = name in ("an error", "a usage error")
    assert done.returncode == (2 if fails else 0 if full == "stderr" else 1)
    for text in (done.stdout, done.stderr):
        assert "Traceback" not in (text or "")
        assert "Exception ignored" not in (text or "")
    if full == "stdout" and not fails:
        assert done.stderr.startswith("Error: ")


@needs_full
def test_an_error_keeps_its_exit_code_when_stderr_is_full(file: Path) -> None:
    words = [sys.executable, "-m", "pipectl", "-c", str(file), "--region", "moon-1", "plan"]
    with FULL.open("w") as device:
        assert subprocess.run(words, stderr=device, check=False).returncode == 2


@pytest.mark.parametrize(
    ("output", "second"), [("text", signal.SIGINT), ("text", signal.SIGTERM), ("json", signal.SIGINT)]
)
def test_the_second_ctrl_c_exits_although_a_thread_waits(output: str, second: signal.Signals, file: Path) -> None:
    asked, release = threading.Event(), threading.Event()

    def hold(body: str) -> str:
        if "GetCallerIdentity" in body:
            return CALLER
        asked.set()
        release.wait(PATIENCE)
        return ""

    with endpoint(hold) as url:
        process = start("-c", file, "--endpoint-url", url, "-o", output, "status")
        assert asked.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("Press Ctrl-C again" in line for line in iter(process.stderr.readline, ""))
        process.send_signal(second)
        _, err = process.communicate(timeout=PATIENCE)
        release.set()
    assert process.returncode == 130
    if output == "json":
        error = json.loads(err)["error"]
        assert (error["code"], error["message"], error["hint"]) == ("Interrupted", "interrupted", None)
    else:
        assert err == "Interrupted\n"


def test_an_interrupt_that_a_library_turns_into_its_own_error_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("a model cannot be built") from None
        return 0

    assert run(Session(Globals(), "status"), command) == 130
    assert capsys.readouterr().err == "Interrupted\n"


@pytest.mark.parametrize(
    "command", [["logs"], ["replay-dlq", "--dry-run"], ["audit", "list"], ["audit", "stats"]], ids=" ".join
)
def test_a_period_that_ends_before_it_starts_is_a_usage_error(command: list[str], file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", *command, "--since", "1h", "--until", "2h")
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")
