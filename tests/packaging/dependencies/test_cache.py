"""The cache: what needs no second installation, and what damage, other processes and full disks do to it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipectl.errors import PackageProblem
from pipectl.packaging.build import LARGEST_UPLOAD
from pipectl.packaging.dependencies.cache import DRAFT, KEEP_DAYS, default_folder
from tests.packaging.dependencies.fakes import PYTHON_FILES, Installer, Machine
from tests.packaging.folders import write

AS_ROOT = sys.platform != "win32" and os.geteuid() == 0


def installations(machine: Machine) -> int:
    return len(machine.installer.commands)


def test_a_second_build_installs_nothing(machine: Machine) -> None:
    first = machine.build()
    assert (machine.build(), installations(machine)) == (first, 1)


Edit = Callable[[Machine], object]
EDITS: dict[str, Edit] = {
    "manifest": lambda machine: write(machine.folder, {"requirements.txt": "fast==1.2 # x\n-c pins.txt\n"}),
    "included file": lambda machine: write(machine.folder, {"pins.txt": "fast==1.2"}),
    "version of uv": lambda machine: setattr(machine, "installer", Installer(version="0.9.2")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_installs_again(edit: str, machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "fast==1.2\n-c pins.txt\n", "pins.txt": ""})
    machine.build()
    machine.installer.commands.clear()
    EDITS[edit](machine)
    machine.build()
    assert installations(machine) == 1


def test_each_target_is_installed_for_itself(machine: Machine) -> None:
    for _ in ("installed", "cached"):
        machine.build()
        machine.build(runtime="python3.13")
        machine.build(architecture="x86_64")
        machine.build(local=True)
    assert installations(machine) == 4


def test_a_lock_file_is_a_part_of_the_key(node_machine: Machine) -> None:
    for lock in ('{"a": 1}', '{"a": 2}', '{"a": 2}'):
        write(node_machine.folder, {"package-lock.json": lock})
        node_machine.build()
    assert installations(node_machine) == 2


def test_a_change_of_the_handler_installs_nothing(machine: Machine) -> None:
    machine.build()
    write(machine.folder, {"handler.py": "def handler(event, context): return 1"})
    machine.build()
    assert installations(machine) == 1


def entry(machine: Machine) -> Path:
    (path,) = machine.cache.glob("*.zip")
    return path


def not_a_list(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = json.dumps(1).encode()


def damaged_content(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"FAST = 1", b"FAST = 2"))


def link(path: Path) -> None:
    path.replace(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "another content": damaged_content,
    "remarks": not_a_list,
    "link": link,
    "missing": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_entry_that_is_damaged_or_a_link_is_installed_again(damage: str, machine: Machine) -> None:
    first = machine.build()
    DAMAGES[damage](entry(machine))
    assert (machine.build(), installations(machine)) == (first, 2)
    assert (machine.build(), installations(machine)) == (first, 2)
    assert not entry(machine).is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_or_a_folder_in_its_place_does_not_block(machine: Machine) -> None:
    machine.build()
    path = entry(machine)
    path.unlink()
    os.mkfifo(path)
    machine.build()
    assert installations(machine) == 2


def test_an_installation_that_is_interrupted_leaves_no_entry(machine: Machine) -> None:
    machine.installer.meanwhile = interrupt
    with pytest.raises(KeyboardInterrupt):
        machine.build()
    assert list(machine.cache.iterdir()) == []


def interrupt(_: Path) -> None:
    raise KeyboardInterrupt


def test_two_processes_that_install_at_once_end_with_one_entry(machine: Machine, tmp_path: Path) -> None:
    other = Machine(machine.folder, machine.cache)
    machine.installer.meanwhile = lambda _: other.build().warnings
    assert machine.build() == other.build()
    assert [path.suffix for path in machine.cache.iterdir()] == [".zip"]


def test_entries_that_were_not_used_for_long_and_old_drafts_are_removed(machine: Machine) -> None:
    machine.build()
    days = 24 * 60 * 60
    now = time.time()
    for name, age in {"old.zip": KEEP_DAYS + 1, "new.zip": KEEP_DAYS - 1, "other.txt": 999, f"{DRAFT}a": 2}.items():
        path = machine.cache / name
        path.mkdir() if name.startswith(DRAFT) else path.touch()
        os.utime(path, (now - age * days, now - age * days))
    used = entry_of(machine)
    os.utime(used, (now - 999 * days, now - 999 * days))
    machine.build()  # reading it is a use
    machine.build(architecture="x86_64")
    left = {path.name for path in machine.cache.iterdir()}
    assert {"new.zip", "other.txt", used.name} <= left
    assert not {"old.zip", f"{DRAFT}a"} & left


def entry_of(machine: Machine) -> Path:
    (path,) = (path for path in machine.cache.glob("*.zip") if len(path.stem) == 64)
    return path


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(machine: Machine) -> None:
    machine.cache.write_text("a file")
    error = machine.fails()
    assert (error.problem, error.path) == (PackageProblem.CACHE, str(machine.cache))
    assert "PIPECTL_CACHE" in str(error.hint)


@pytest.mark.skipif(AS_ROOT, reason="root can write every folder")
def test_what_is_in_a_read_only_cache_is_used(machine: Machine) -> None:
    machine.build()
    machine.cache.chmod(0o500)
    machine.build()
    assert machine.fails(architecture="x86_64").problem is PackageProblem.CACHE
    assert installations(machine) == 1


def test_a_folder_that_vanishes_meanwhile_is_an_error(machine: Machine) -> None:
    machine.installer.meanwhile = lambda _: shutil.rmtree(machine.cache)
    assert machine.fails().problem is PackageProblem.CACHE


def test_the_folder_is_that_of_the_variable_else_the_one_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPECTL_CACHE", "/own")
    assert default_folder() == Path("/own/packages")
    monkeypatch.delenv("PIPECTL_CACHE")
    assert default_folder().parts[-2:] == ("pipectl", "packages")


@pytest.mark.slow
def test_a_deflated_package_is_kept_and_used_only_if_it_has_the_same_contents(machine: Machine) -> None:
    machine.installer = Installer({**PYTHON_FILES, "fast/model.txt": "x" * LARGEST_UPLOAD})
    first = machine.build()
    assert first.deflated
    before = {path: path.stat().st_mtime_ns for path in machine.cache.iterdir()}
    assert machine.build() == first
    assert len(before) == 2
    zipped = min(before, key=lambda path: path.stat().st_size)
    for body in (b"", b"no zip", other_zip()):
        zipped.write_bytes(body)
        assert machine.build() == first
        assert zipped.read_bytes() == first.body


def other_zip() -> bytes:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("handler.py", "another")
    return buffer.getvalue()
