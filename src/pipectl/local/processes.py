"""Processes that outlive this one, and their end, on every platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

WINDOWS = sys.platform == "win32"


def start(
    command: Sequence[str | Path], *, folder: Path, environment: Mapping[str, str], output: BinaryIO, tether: int
) -> subprocess.Popen[bytes]:
    """Start a process in a separate group, which a Ctrl-C in this terminal does not reach."""
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen(  # noqa: S603 - the command is the caller's
        list(command),
        stdin=tether,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=dict(environment),
        start_new_session=not WINDOWS,
        creationflags=flags,
    )


def ask_to_end(pid: int) -> None:
    """Ask a process and its children to end. Windows has no such request: there they are killed."""
    if WINDOWS:
        kill(pid)
    else:
        _signal_group(pid, signal.SIGTERM)


def kill(pid: int) -> None:
    """Kill a process and its children."""
    if WINDOWS:
        subprocess.run(["taskkill", "/PID", str(pid), "/T", "/F"], capture_output=True, check=False)  # noqa: S603, S607
    else:
        _signal_group(pid, signal.SIGKILL)


def kill_own_group() -> None:
    """Kill this process and its children."""
    if WINDOWS:
        kill(os.getpid())
    else:
        os.killpg(os.getpgrp(), signal.SIGKILL)


def reap(pid: int) -> None:
    """Let the operating system drop the entry of a process that has ended, if it is a child of this one."""
    if not WINDOWS:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
