"""pipectl where a platform lacks Unix modules, as Windows does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_UNIX = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "pwd", "grp", "resource", "termios"):
            raise ImportError(f"{name} does not exist on this platform", name=name)

sys.meta_path.insert(0, Missing())
for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules.pop(name, None)
"""


RUN = "import runpy; runpy.run_module('pipectl', run_name='__main__')"


def run(source: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PIPECTL_HOME": str(home)}
    # Without fcntl on a system that is not Windows, filelock warns that its locks are weaker.
    command = [sys.executable, "-W", "ignore:only soft file lock", "-c", WITHOUT_UNIX + source]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("arguments", ["--version", "--help", "local status", "local --help", "demo --help"])
def test_commands_work_without_unix_modules(arguments: str, tmp_path: Path) -> None:
    ended = run(f"sys.argv[1:] = {arguments.split()}\n{RUN}", tmp_path / "home")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_module_can_be_imported_without_unix_modules(tmp_path: Path) -> None:
    source = """
import importlib, pkgutil, pipectl
server_side = {"pipectl.local.ministack", "pipectl.local.request_permissions"}
for module in pkgutil.walk_packages(pipectl.__path__, "pipectl."):
    if module.name not in server_side | {"pipectl.__main__"}:
        importlib.import_module(module.name)
print("ok")
"""
    ended = run(source, tmp_path / "home")
    assert (ended.stdout, ended.stderr) == ("ok\n", "")


def test_plain_commands_import_nothing_of_the_emulator(tmp_path: Path) -> None:
    source = """
import sys, runpy
sys.argv[1:] = ["--version"]
try:
    runpy.run_module("pipectl", run_name="__main__")
except SystemExit:
    pass
print(sorted(name for name in sys.modules if name.startswith(("pipectl.local", "ministack", "filelock"))))
"""
    assert run(source, tmp_path / "home").stdout.splitlines()[-1] == "[]"
