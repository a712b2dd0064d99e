"""Installations that fail: the problem, where it is, and what to do."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.tools import Result, TimedOutError, clean, find, run
from tests.packaging.dependencies.fakes import Installer, Machine
from tests.packaging.dependencies.outputs import NPM, UV
from tests.packaging.folders import write

SECRET = "secret"


@pytest.mark.parametrize("name", UV)
def test_a_failure_of_uv(name: str, machine: Machine, snapshot: SnapshotAssertion) -> None:
    problem, output = UV[name]
    machine.installer = Installer({}, clean(output), 1)
    error = machine.fails()
    assert error.problem is problem
    assert message(error, machine) == snapshot
    assert list(machine.cache.iterdir()) == []


@pytest.mark.parametrize("name", NPM)
def test_a_failure_of_npm(name: str, node_machine: Machine, snapshot: SnapshotAssertion) -> None:
    problem, output = NPM[name]
    node_machine.installer = Installer({}, clean(output), 1)
    error = node_machine.fails()
    assert error.problem is problem
    assert message(error, node_machine) == snapshot


def message(error: PackageError, machine: Machine) -> str:
    assert SECRET not in error.message
    return f"{error.message}\nHint: {error.hint}".replace(str(machine.folder), "FOLDER")


@pytest.mark.parametrize("name", ["no wheel at all", "another Python"])
def test_a_hint_for_the_emulator_names_the_python_of_this_machine(name: str, machine: Machine) -> None:
    machine.installer = Installer({}, UV[name][1], 1)
    with pytest.raises(PackageError, match=r"this machine") as caught:
        machine.build(local=True)
    assert "run pipectl with another version of Python" in str(caught.value.hint)


def test_the_longest_output_is_searched_in_time(machine: Machine) -> None:
    start = time.monotonic()
    machine.installer = Installer({}, "error: " + "a" * 1_000_000, 1)
    assert machine.fails().problem is PackageProblem.NOT_INSTALLED
    assert time.monotonic() - start < 10


def test_the_line_of_an_invalid_requirement_is_found(machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "fast==1.2\n\nsix; foo == 1\n"})
    for output in (
        "error: Couldn't parse requirement in `requirements.txt` at position 11",
        "error: Unexpected ';': requirements.txt:3:4",
    ):
        machine.installer = Installer({}, output, 2)
        assert machine.fails().path == f"{machine.folder}/requirements.txt:3"


def test_the_whole_output_is_the_cause_which_is_printed_with_v(machine: Machine) -> None:
    machine.installer = Installer({}, "error: one\n" + "line\n" * 50 + "the end", 1)
    error = machine.fails()
    assert "the end" not in error.message
    assert "the end" in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("tool", ["uv", "npm"])
def test_a_program_that_is_not_installed(tool: str, machine: Machine, node_machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / tool
    files = {"uv": {"handler.py": "def handler(event, context): ...", "requirements.txt": "fast"}}
    files["npm"] = {"handler.mjs": "export const handler = 1;", "package.json": '{"dependencies": {"fast": "1"}}'}
    error = Machine(write(folder, files[tool]), tmp_path / "cache", programs=()).fails()
    assert (error.problem, error.hint) == (
        PackageProblem.NO_TOOL,
        f"pip install 'pipectl-aws[{'uv' if tool == 'uv' else 'node'}]'",
    )


def test_a_program_that_does_not_start(machine: Machine) -> None:
    machine.installer = Installer(error=PermissionError(13, "Permission denied"))
    error = machine.fails()
    assert (error.problem, error.path) == (PackageProblem.NO_TOOL, "/bin/uv")


def test_an_installation_that_takes_too_long(machine: Machine) -> None:
    machine.installer = Installer(error=TimedOutError())
    assert machine.fails().problem is PackageProblem.TIMEOUT


@pytest.mark.slow
def test_the_largest_packages_are_named_where_all_are_too_large(machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "big"})
    record = "".join(f"{name}/data,,\n" for name in ("big", "huge"))

    def write_large(folder: Path) -> None:
        for name, megabytes in (("big", 90), ("huge", 170)):
            (folder / name).mkdir()
            with (folder / name / "data").open("wb") as file:
                file.truncate(megabytes * 2**20)
        write(folder, {"huge-2.0.dist-info/RECORD": record.splitlines()[1], "big-1.dist-info/RECORD": record})

    machine.installer = Installer({}, meanwhile=write_large)
    error = machine.fails()
    assert error.problem is PackageProblem.TOO_LARGE
    assert "huge 2.0 (170 MB), big 1 (90 MB)" in str(error.hint)


# the programs themselves, played by Python

SCRIPT = [sys.executable, "-c"]


def test_output_has_neither_credentials_nor_colours(tmp_path: Path) -> None:
    text = "\x1b[1mhttps://me:secret@host.invalid\x1b[0m/x http://token@host.invalid"
    result = run([*SCRIPT, f"import sys; sys.stderr.write({text!r}); sys.exit(3)"], tmp_path)
    assert result == Result(3, "https://***@host.invalid/x http://***@host.invalid")


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TimedOutError):
        run([*SCRIPT, "import time; time.sleep(600)"], tmp_path, longest=0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_ctrl_c_ends_a_program_with_those_that_it_started(tmp_path: Path) -> None:
    """Wait for the end of the pipe that the program's program holds open for as long as it lives."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    holds = f"import time; file = open({str(pipe)!r}, 'w'); file.write('x'); file.flush(); time.sleep(600)"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {holds!r}])"
    ended, main = threading.Event(), threading.get_ident()

    def read() -> None:
        with pipe.open() as file:
            file.read(1)
            signal.pthread_kill(main, signal.SIGINT)
            file.read()
            ended.set()

    threading.Thread(target=read, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run([*SCRIPT, starts], tmp_path)
    assert ended.wait(60)


def test_a_program_is_found_beside_python_first(tmp_path: Path) -> None:
    assert find("python") or find("python3")
    assert find("no-such-program") is None
