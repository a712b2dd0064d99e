"""Packages of `requirements.txt`: what is installed, for which machine, and what of it is packaged."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from pipectl.errors import PackageProblem
from tests.packaging.dependencies.fakes import PYTHON_FILES, Installer, Machine
from tests.packaging.folders import FILES, names, write

DIST_INFO = "fast-1.2.dist-info"
KEPT = ["fast/__init__.py", "fast/tests/test_fast.py", f"{DIST_INFO}/METADATA", f"{DIST_INFO}/RECORD"]


def read(machine: Machine, name: str) -> str:
    return zipfile.ZipFile(io.BytesIO(machine.build().body)).read(name).decode()


def test_the_package_has_the_handler_and_its_packages_without_scripts_caches_and_notes(machine: Machine) -> None:
    assert names(machine.build()) == sorted([*FILES, "requirements.txt", *KEPT, "base_lib-3.dist-info/RECORD"])


def test_the_list_of_files_names_those_that_are_packaged(machine: Machine) -> None:
    lines = read(machine, f"{DIST_INFO}/RECORD").splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"{DIST_INFO}/METADATA", *KEPT[:2], f"{DIST_INFO}/RECORD"]
    assert lines[1] == "fast/__init__.py,sha256=a,8"


def test_the_files_of_the_folder_win(machine: Machine) -> None:
    write(machine.folder, {"fast/__init__.py": "FAST = 'own'"})
    assert read(machine, "fast/__init__.py") == "FAST = 'own'"
    (warning,) = [each for each in machine.build().warnings if "instead of" in each]
    assert warning.startswith("fast/__init__.py")
    assert warning.endswith("fast 1.2")


def test_a_damaged_list_of_files_is_packaged_as_it_is(machine: Machine) -> None:
    record = "a" * 200_000
    machine.installer = Installer({**PYTHON_FILES, f"{DIST_INFO}/RECORD": record})
    assert read(machine, f"{DIST_INFO}/RECORD") == record


def test_a_package_that_was_not_installed_is_an_error(machine: Machine) -> None:
    machine.installer = Installer({})
    write(machine.folder, {"requirements.txt": "Fast\nslow; sys_platform == 'win32'"})
    assert machine.fails().problem is PackageProblem.NOT_INSTALLED
    machine.installer = Installer()
    assert "fast/__init__.py" in names(machine.build())
    machine.installer = Installer({})
    write(machine.folder, {"requirements.txt": "slow; sys_platform == 'win32'"})
    assert "fast/__init__.py" not in names(machine.build())


def test_a_requirement_of_another_machine_is_no_missing_package(machine: Machine) -> None:
    machine.installer = Installer({})
    write(machine.folder, {"requirements.txt": "slow; sys_platform == 'win32'"})
    assert machine.build().all_warnings == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_is_not_waited_for(machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "fast==1.2\n-r more.txt\n"})
    os.mkfifo(machine.folder / "more.txt")
    assert machine.fails().problem is PackageProblem.SPECIAL_FILE


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_file_whose_name_is_not_valid_is_an_error(machine: Machine) -> None:
    machine.installer = Installer({**PYTHON_FILES, "a\udcff": ""})
    assert machine.fails().problem is PackageProblem.FILE_NAME


def test_the_same_bytes_with_another_installation_of_the_same_versions(machine: Machine, tmp_path: Path) -> None:
    first = machine.build()
    others = {"INSTALLER": "pip", "REQUESTED": "x", "direct_url.json": '{"url": "x"}', "uv_cache.json": '{"a": 1}'}
    shuffled = "".join(reversed(PYTHON_FILES[f"{DIST_INFO}/RECORD"].splitlines(keepends=True)))
    files = {
        **dict(reversed(PYTHON_FILES.items())),
        **{f"{DIST_INFO}/{name}": text for name, text in others.items()},
        f"{DIST_INFO}/RECORD": shuffled,
        "bin/fast": "#!/elsewhere",
    }
    second = Machine(machine.folder, tmp_path / "other", Installer(files)).build()
    assert second.body == first.body


@pytest.mark.parametrize(
    ("runtime", "architecture", "version", "platform"),
    [
        ("python3.14", "arm64", "3.14", "aarch64-manylinux_2_34"),
        ("python3.12", "x86_64", "3.12", "x86_64-manylinux_2_34"),
        ("python3.11", "arm64", "3.11", "aarch64-manylinux2014"),
        ("python3.11", "x86_64", "3.11", "x86_64-manylinux2014"),
    ],
)
def test_packages_are_for_the_runtime_the_architecture_and_the_glibc_of_lambda(
    runtime: str, architecture: str, version: str, platform: str, machine: Machine
) -> None:
    machine.build(runtime=runtime, architecture=architecture)
    (command,) = machine.installer.commands
    options = dict(pairwise(command))
    assert (options["--python-version"], options["--python-platform"]) == (version, platform)
    assert options["--only-binary"] == ":all:"


def test_packages_for_the_emulator_are_for_this_machine(machine: Machine) -> None:
    machine.build(local=True)
    (command,) = machine.installer.commands
    assert "--python-platform" not in command
    assert "--python-version" not in command
    assert command[command.index("--python") + 1] == sys.executable


def test_a_binary_for_this_machine_is_no_warning_in_the_emulator(machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "fast==1.2\nbase-lib==3\n"})
    elf = Path(sys.executable).resolve().read_bytes()[:64]
    if not elf.startswith(b"\x7fELF"):
        pytest.skip("not Linux")
    (machine.folder / "tool").write_bytes(elf)
    assert machine.build(local=True).warnings == ()


def test_nothing_is_installed_without_requirements(machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "# none yet\n\n"})
    machine.programs = ()
    assert names(machine.build()) == sorted([*FILES, "requirements.txt"])


def test_a_folder_that_packages_were_installed_into_is_packaged_as_it_is(machine: Machine) -> None:
    machine.programs = ()
    write(machine.folder, {"fast/__init__.py": "", f"{DIST_INFO}/METADATA": ""})
    package = machine.build()
    assert f"{DIST_INFO}/METADATA" in names(package)
    assert package.warnings == ()


def test_links_of_an_installed_package_are_not_followed(machine: Machine, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", {"key": "1"})

    def link(folder: Path) -> None:
        (folder / "fast" / "file").symlink_to(secret / "key")
        (folder / "fast" / "folder").symlink_to(secret)

    machine.installer.meanwhile = link
    assert not [name for name in names(machine.build()) if "file" in name or "folder" in name]


def test_executable_files_of_packages_stay_executable(machine: Machine) -> None:
    machine.installer.meanwhile = lambda folder: (folder / "fast" / "__init__.py").chmod(0o755)
    for _ in ("installed", "cached"):
        infos = zipfile.ZipFile(io.BytesIO(machine.build().body)).infolist()
        assert [info.filename for info in infos if info.external_attr >> 16 == 0o100755] == ["fast/__init__.py"]


# pinned, or said


def test_versions_that_are_not_pinned_are_one_warning_that_names_them(machine: Machine) -> None:
    (warning,) = machine.build().all_warnings
    assert "does not pin base-lib," in warning
    write(machine.folder, {"requirements.txt": "fast>=1\n"})
    (warning,) = machine.build().all_warnings
    assert "does not pin base-lib, fast," in warning


@pytest.mark.parametrize(
    "text",
    [
        "fast==1.2\nBase_Lib==3\n",
        "fast[extra] == 1.2 ; python_version > '3'\nbase.lib===3  # comment\n",
        "fast==1.2 \\\n  --hash=sha256:abc\nbase-lib @ https://host.invalid/base_lib-3-py3-none-any.whl\n",
        "fast>=1\n-c constraints.txt\n",
    ],
)
def test_pinned_versions_are_no_warning(text: str, machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": text, "constraints.txt": "fast==1.2\nbase-lib==3\n"})
    assert machine.build().all_warnings == ()


# config check


def test_without_installing_the_manifest_is_checked_and_no_program_runs(machine: Machine) -> None:
    write(machine.folder, {"requirements.txt": "fast\n"})
    package = machine.build(install=False)
    assert (package.missing, machine.installer.commands, machine.said) == ("requirements.txt", [], [])
    assert "does not pin fast," in str(package.unpinned)
    machine.programs = ()
    assert machine.build(install=False).missing == "requirements.txt"


def test_without_installing_packages_of_the_cache_are_used(machine: Machine) -> None:
    built = machine.build()
    assert machine.build(install=False) == built
