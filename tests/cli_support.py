"""Running the command line, in this process and against servers that are not AWS."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pipectl.cli.main import main
from tests.support import PATIENCE, POLL_SECONDS


def pipectl(*args: str | Path, answers: str | None = None) -> Result:
    """Run a command in this process. ``answers`` are typed at a terminal; without them there is none."""
    typed = Terminal(answers.encode()) if answers is not None else None
    return CliRunner().invoke(main, list(map(str, args)), input=typed)


def environment(**more: str) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "TERM")},
        "TERM": "xterm-256color",
        **more,
    }


def start(*args: str | Path, **how: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipectl", *map(str, args)]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **how}
    return subprocess.Popen(command, text=True, **how)


def interrupt(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> None:
    """Send a signal to a process that waits for an answer, as soon as it waits.

    Python looks for signals between its instructions: one that arrives right before the call that waits is handled only
    after the answer. A person presses Ctrl-C again; a test would hang.
    """
    state = Path(f"/proc/{process.pid}/stat")
    until = time.monotonic() + PATIENCE
    while state.exists() and state.read_text().rpartition(")")[2][1:2] != "S" and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
    process.send_signal(number)


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


def document(result: Result) -> Any:
    """stdout as one JSON document."""
    return json.loads(result.stdout)


def error(result: Result) -> Any:
    """The error document, which is the last line on stderr."""
    return json.loads(result.stderr.splitlines()[-1])["error"]


CALLER = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>"
)
"""GetCallerIdentity's answer."""


@contextmanager
def endpoint(reply: Callable[[str], str]) -> Iterator[str]:
    """The address of a server on this machine that answers each request with what ``reply`` makes of its body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
            answer = reply(body).encode()
            with suppress(ConnectionError):  # who asked may have left
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()
