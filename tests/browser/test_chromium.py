"""Chromium is found, provided by `.ci/chromium`, or missing with a message."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.support import ROOT

SCRIPT = ROOT / ".ci" / "chromium"


def program(folder: Path, name: str, text: str = "exit 0") -> Path:
    """Write a program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", chromium.NAMES)
def test_each_name_is_found_on_the_path(name: str, tmp_path: Path) -> None:
    path = program(tmp_path, name)
    assert chromium.find({"PATH": str(tmp_path)}) == str(path)


def test_the_variable_wins_and_is_not_replaced(tmp_path: Path) -> None:
    program(tmp_path, "chromium")
    other = program(tmp_path, "other")
    assert chromium.find({"PATH": str(tmp_path), chromium.VARIABLE: str(other)}) == str(other)
    assert chromium.find({"PATH": str(tmp_path), chromium.VARIABLE: "absent"}) is None


def test_without_chromium_tests_are_skipped_and_fail_on_a_ci_server(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=chromium.VARIABLE):
        chromium.require({"PATH": str(tmp_path)})
    with pytest.raises(pytest.fail.Exception, match=chromium.VARIABLE):
        chromium.require({"PATH": str(tmp_path), "CI": "true"})


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the folder of all programs of a machine, with an apt-get that records its calls."""
    for name in ("bash", "cp", "env", "mktemp", "rm", "tail"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    program(tmp_path, "id", "echo 0")
    installed = tmp_path / "chromium"
    program(tmp_path, "apt-get", f'echo "$@" >> {tmp_path}/calls; [ $1 = update ] || cp {tmp_path}/id {installed}')
    return tmp_path


def provide(machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    values = {"PATH": str(machine), "TMPDIR": str(machine), **environment}
    return subprocess.run([SCRIPT], env=values, capture_output=True, text=True, check=False)


def calls(machine: Path) -> list[str]:
    return (machine / "calls").read_text().splitlines() if (machine / "calls").exists() else []


@pytest.mark.parametrize("name", chromium.NAMES)
def test_a_machine_that_has_chromium_installs_nothing(name: str, machine: Path) -> None:
    program(machine, name)
    done = provide(machine)
    assert (done.returncode, done.stdout + done.stderr, calls(machine)) == (0, "", [])


def test_a_missing_chromium_is_installed(machine: Path) -> None:
    done = provide(machine)
    assert (done.returncode, done.stderr) == (0, "")
    update, install = calls(machine)
    assert (update.split()[0], install.split()[0]) == ("update", "install")
    assert "chromium" in install.split()


def test_a_user_who_may_use_sudo_installs_with_it(machine: Path) -> None:
    program(machine, "id", "echo 1000")
    program(machine, "sudo", f'echo "sudo $1" >> {machine}/calls; shift; exec "$@"')
    assert provide(machine).returncode == 0
    assert [call.split()[0] for call in calls(machine)] == ["sudo", "update", "sudo", "install"]
    assert {call for call in calls(machine) if call.startswith("sudo")} == {"sudo -n"}


@pytest.mark.parametrize("broken", ["no apt-get", "apt-get fails", "no sudo", "no program in the package"])
def test_a_chromium_that_cannot_be_installed_ends_with_a_message(broken: str, machine: Path) -> None:
    if broken == "no apt-get":
        (machine / "apt-get").unlink()
    elif broken == "apt-get fails":
        program(machine, "apt-get", "echo 'E: no network' >&2; exit 100")
    elif broken == "no sudo":
        program(machine, "id", "echo 1000")
    else:
        program(machine, "apt-get")
    done = provide(machine)
    assert done.returncode == 0
    assert ("no network" in done.stderr) == (broken == "apt-get fails")
    assert done.stderr.splitlines()[-1].startswith("No Chromium")
    assert chromium.VARIABLE in done.stderr


def test_the_script_and_the_tests_look_for_the_same_programs() -> None:
    (loop,) = re.findall(r"^ *for name in (.+); do$", SCRIPT.read_text(), re.MULTILINE)
    assert loop.split() == [f'"${{{chromium.VARIABLE}:-}}"', *chromium.NAMES]


def test_the_gate_provides_chromium_first() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines.index(".ci/chromium") < lines.index("make test")
    assert os.access(SCRIPT, os.X_OK)
