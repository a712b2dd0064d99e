"""The program uses no module that exists on Unix only, so that it can be imported on Windows."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNIX_ONLY = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
IMPORT_EVERYTHING = """
import importlib, pkgutil, pipectl
for module in pkgutil.walk_packages(pipectl.__path__, "pipectl."):
    if module.name != "pipectl.__main__":
        importlib.import_module(module.name)
"""


def without_unix_modules(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in which the import of a Unix-only module fails."""
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({UNIX_ONLY!r}))\n"
    command = [sys.executable, "-c", blocked + script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_module_is_imported_without_unix_modules() -> None:
    done = without_unix_modules(IMPORT_EVERYTHING)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["config", "schema"], ["local", "status"]], ids=" ".join)
def test_a_command_runs_without_unix_modules(words: list[str]) -> None:
    done = without_unix_modules("from pipectl.__main__ import main\nmain()", *words)
    assert done.returncode == 0, done.stderr


def test_the_import_of_a_unix_module_fails_there() -> None:
    assert without_unix_modules("import fcntl").returncode == 1
