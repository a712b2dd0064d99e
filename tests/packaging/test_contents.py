"""Warnings about binaries of another architecture and about dependencies that are not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.commands.config import check
from pipectl.config.loading import load
from pipectl.packaging.dependencies.tools import Tools
from tests.cli_support import pipectl
from tests.packaging.folders import FILES, packaged, write
from tests.support import write_config

MACHINES = {"x86_64": 0x3E, "arm64": 0xB7, "32-bit x86": 3}


def elf(machine: str, *, order: str = "little") -> bytes:
    number = MACHINES[machine].to_bytes(2, "big" if order == "big" else "little")
    return b"\x7fELF\x02" + (b"\x02" if order == "big" else b"\x01") + bytes(10) + b"\x03\x00" + number + bytes(44)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", FILES)


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("machine", MACHINES)
def test_a_binary_of_another_architecture_is_a_warning(machine: str, architecture: str, source: Path) -> None:
    (source / "lib" / "fast.so").write_bytes(elf(machine))
    expected = (
        ()
        if machine == architecture
        else (f"lib/fast.so: built for {machine}, and the function runs on {architecture}",)
    )
    assert packaged(source, architecture=architecture).warnings == expected


def test_many_binaries_are_one_warning(source: Path) -> None:
    for name in ("fast.so", "tool", "fast.so.1"):
        (source / "lib" / name).write_bytes(elf("x86_64"))
    (warning,) = packaged(source).warnings
    assert warning.startswith("lib/fast.so and 2 more: built for x86_64")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + bytes(14), elf("arm64", order="big")])
def test_an_incomplete_or_big_endian_header_is_read_without_error(content: bytes, source: Path) -> None:
    (source / "lib" / "fast.so").write_bytes(content)
    assert packaged(source).warnings == ()


def test_binaries_for_several_platforms_side_by_side_are_no_warning(tmp_path: Path) -> None:
    write(tmp_path, {"handler.mjs": "export const handler = 1;", "node_modules/x/prebuilds/linux-x64/x.node": ""})
    (tmp_path / "node_modules/x/prebuilds/linux-x64/x.node").write_bytes(elf("x86_64"))
    assert packaged(tmp_path, language="nodejs").warnings == ()


REQUIREMENTS = "# tools\n\nrequests[socks]>=2  # http\nboto3\n-r other.txt\n--index-url x\nRuamel.YAML\n"


def test_requirements_that_are_missing_among_installed_packages_are_a_warning(source: Path) -> None:
    write(source, {"requirements.txt": REQUIREMENTS, "other-1.0.dist-info/METADATA": ""})
    (warning,) = packaged(source).warnings
    assert warning.startswith("requirements.txt names requests, Ruamel.YAML, which the folder does not contain")


def test_installed_requirements_and_those_of_the_runtime_are_no_warning(source: Path) -> None:
    installed = {f"{name}.dist-info/METADATA": "" for name in ("requests-2.32.0", "ruamel_yaml-0.18")}
    assert packaged(write(source, {"requirements.txt": REQUIREMENTS, **installed})).warnings == ()


@pytest.mark.moto
@pytest.mark.parametrize("words", [["config", "check"], ["plan"], ["up", "--yes"]], ids=" ".join)
def test_commands_print_the_warnings(words: list[str], source: Path, tmp_path: Path) -> None:
    from moto import mock_aws

    write(source, {"requirements.txt": "requests", "other-1.0.dist-info/METADATA": ""})
    file = write_config(tmp_path, {"processor": {"source": str(source)}})
    with mock_aws():
        result = pipectl("-c", file, *words)
    assert result.exit_code == 0
    assert "processor: requirements.txt names requests" in result.stderr
    checked = check(load(file), file, Tools())
    assert checked["processor"].warnings
    assert checked["auditor"].warnings == ()
