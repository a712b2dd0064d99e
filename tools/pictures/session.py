"""Recordings of commands: real processes in a pseudo terminal, with the times of their output."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import Session

from pipectl.local import lifecycle
from pipectl.local.home import LocalEmulator

COLUMNS = 80
ROWS = 50
QUESTION = b"]: "
"""The end of a question with its default."""


class RecordingError(Exception):
    """A recorded command ended in another way than the scenario expects."""


_OWN: dict[str, tuple[Any, Any, Any, Any]] = {
    "profile": (None, [], None, None),
    "config_file": (None, [], os.devnull, None),
    "credentials_file": (None, [], os.devnull, None),
}
"""Settings of a client that are not read from the environment."""


@dataclass(frozen=True)
class Chunk:
    """Bytes that a command printed together. ``at`` are the seconds since its start."""

    at: float
    data: bytes


@dataclass(frozen=True)
class Recording:
    """One command: the line as typed, the size of its terminal, and what it printed."""

    line: str
    columns: int
    rows: int
    chunks: tuple[Chunk, ...]
    seconds: float


@dataclass(frozen=True)
class Recorder:
    """Runs commands in a folder, with their own environment.

    ``environment`` replaces the variables of this process, so that nothing of the user shows in a recording.
    """

    folder: Path
    environment: Mapping[str, str]
    columns: int = COLUMNS
    rows: int = ROWS

    def client(self, service: str) -> Any:
        """Return a client of the local emulator."""
        emulator = lifecycle.status(Path(self.environment["PIPECTL_HOME"]))
        assert emulator is not None
        return client(service, emulator)

    def record(self, line: str, *, exit_code: int = 0, answers: Sequence[str] = ()) -> Recording:
        """Run a command line of pipectl.

        Args:
            line: The command line as typed.
            exit_code: The code that it has to exit with.
            answers: Lines that are typed, one for each question.

        Raises:
            RecordingError: it exits with another code.
        """
        program, *words = shlex.split(line)
        assert program == "pipectl", line
        command = [str(Path(sys.executable).with_name("pipectl")), *words]
        start = time.monotonic()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        process = subprocess.Popen(  # noqa: S603 - the command lines of the scenario
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=self.folder,
            env={**self.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(slave)
        chunks = tuple(Chunk(time.monotonic() - start, data) for data in _read(master, iter(answers)))
        os.close(master)
        found = process.wait()
        if found != exit_code:
            printed = b"".join(chunk.data for chunk in chunks).decode(errors="replace")
            raise RecordingError(f"`{line}` exited with {found} instead of {exit_code}:\n{printed}")
        return Recording(line, self.columns, self.rows, chunks, time.monotonic() - start)


def client(service: str, emulator: LocalEmulator) -> Any:
    """Return a client of an emulator. Profile, files and proxies of the user do not matter."""
    return Session(session_vars=_OWN).create_client(
        service,
        endpoint_url=emulator.endpoint_url,
        region_name="us-east-1",
        config=Config(proxies={}),
        **emulator.credentials(),
    )


def _read(terminal: int, answers: Iterator[str]) -> Iterator[bytes]:
    """Yield what is printed until no process has the terminal open. Type an answer after each question."""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError as error:
            if error.errno == errno.EIO:
                return
            raise
        if not data:
            return
        yield data
        if data.endswith(QUESTION):
            os.write(terminal, f"{next(answers)}\n".encode())
