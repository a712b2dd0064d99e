"""The programs that install packages: uv and npm. They are found, run and watched here."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.addresses import without_credentials

LONGEST = 600.0
"""Seconds that a program may take."""
_MOST_OUTPUT = 1_000_000
_EXTRAS = {"uv": "uv", "npm": "node"}
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b")


@dataclass(frozen=True)
class Result:
    """The exit code of a program and what it printed, without credentials and colours."""

    code: int
    output: str


class TimedOutError(Exception):
    """A program took longer than allowed."""


class Run(Protocol):
    """Runs a program in a folder.

    Raises:
        TimedOutError: it took too long.
        OSError: it cannot be started.
    """

    def __call__(self, command: Sequence[str], folder: Path) -> Result: ...


def run(command: Sequence[str], folder: Path, longest: float = LONGEST) -> Result:
    """Run a program; see `Run`. It ends with pipectl: also when the user presses Ctrl-C."""
    process = subprocess.Popen(  # noqa: S603 - the path was looked up
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # npm starts programs of its own: they end together
    )
    try:
        output, _ = process.communicate(timeout=longest)
        return Result(process.returncode, clean(output[-_MOST_OUTPUT:].decode(errors="replace")))
    except subprocess.TimeoutExpired:
        raise TimedOutError from None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def clean(output: str) -> str:
    """Return text of a program without colours and without credentials in addresses."""
    return without_credentials(_ESCAPES.sub("", output))


def find(name: str) -> str | None:
    """Return the path of a program: beside the Python that runs pipectl, else on the ``PATH``."""
    folders = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    for folder in dict.fromkeys(folders):
        if found := shutil.which(name, path=folder):
            return found
    return shutil.which(name)


def silent(_: str) -> AbstractContextManager[None]:
    """Show nothing."""
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Tools:
    """Programs that install packages, and the cache of their results.

    Args:
        find: Returns the path of a program, ``None`` when it is not installed.
        run: Runs a program.
        cache: The folder of built packages; the default one when it is ``None``.
        work: Shows long work while it lasts.
        install: Install packages that are not in the cache. Without it nothing uses the network.
    """

    find: Callable[[str], str | None] = find
    run: Run = run
    cache: Path | None = None
    work: Callable[[str], AbstractContextManager[None]] = silent
    install: bool = True

    def path(self, name: str, needed_by: Path) -> str:
        """Return the path of a program.

        Raises:
            PackageError: it is not installed.
        """
        if found := self.find(name):
            return found
        raise PackageError(
            f"{name} installs the packages of {needed_by}, and it is not installed",
            hint=f"pip install 'pipectl-aws[{_EXTRAS[name]}]'",
            problem=PackageProblem.NO_TOOL,
            path=str(needed_by),
        )

    def version(self, path: str) -> str:
        """Return the version of a program; empty when it reports none."""
        known = (self.run, path)
        if known not in _versions:
            _versions[known] = _version(self.run, path)
        return _versions[known]


_versions: dict[tuple[Run, str], str] = {}
"""Versions of programs that were asked: npm needs 0.15 s to report its own."""


def _version(run: Run, path: str) -> str:
    try:
        result = run([path, "--version"], Path.cwd())
    except (OSError, TimedOutError):
        return ""
    found = _VERSION.search(result.output) if result.code == 0 else None
    return found[0] if found else ""
