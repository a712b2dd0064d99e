"""Warnings about a package: binaries of another architecture, and dependencies that are not installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from pipectl.packaging.dependencies.requirements import normal
from pipectl.packaging.handler import syntax_error
from pipectl.text import first_names

_MACHINES = {0x3E: "x86_64", 0xB7: "arm64", 0x03: "32-bit x86", 0x28: "32-bit ARM"}
"""Names of ``e_machine`` in an ELF header. Source: the ELF specification of each processor."""
_MACHINE_AT = 18
_IN_RUNTIME = {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
"""Python packages that Lambda's runtimes contain. Source: "Building with Python" in the AWS Lambda Developer Guide."""


def warnings(
    contents: Mapping[str, bytes], language: str, architecture: str, *, installed: bool = False
) -> Iterator[str]:
    """Yield the warnings about a package, by the contents of its files.

    ``installed`` is true when pipectl installs what the manifest names, so that nothing is missing.
    """
    yield from _other_binaries(contents, architecture)
    if language == "python":
        yield from () if installed else _missing_python(contents)
        yield from _unparsed(contents)


def _other_binaries(contents: Mapping[str, bytes], architecture: str) -> Iterator[str]:
    other = {
        name: machine
        for name, content in contents.items()
        if (machine := machine_of(content)) not in (None, architecture) and "prebuilds" not in PurePosixPath(name).parts
    }
    if other:
        machine = next(iter(other.values()))
        yield f"{first_names(list(other), 1)}: built for {machine}, and the function runs on {architecture}"


def machine_of(content: bytes) -> str | None:
    """Return the architecture of an ELF file, ``None`` for any other file."""
    if len(content) < _MACHINE_AT + 2 or not content.startswith(b"\x7fELF"):
        return None
    machine = int.from_bytes(content[_MACHINE_AT : _MACHINE_AT + 2], "big" if content[5] == 2 else "little")
    return _MACHINES.get(machine, f"machine {machine}")


def _missing_python(contents: Mapping[str, bytes]) -> Iterator[str]:
    installed = {
        normal(name.partition("/")[0].partition("-")[0])
        for name in contents
        if name.partition("/")[0].endswith((".dist-info", ".egg-info"))
    }
    required = _requirements(contents.get("requirements.txt", b"").decode("utf-8", errors="replace"))
    missing = [name for name in required if normal(name) not in installed | _IN_RUNTIME]
    if missing:
        yield (
            f"requirements.txt names {first_names(missing, 3)}, which the folder does not contain, though it contains "
            "other installed packages; install all with `pip install --target`, or none"
        )


def _unparsed(contents: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a warning for Python files that do not parse, without those of installed packages.

    Packages install files for other versions of Python, and templates.
    """
    records = [text.decode("utf-8", errors="replace") for name, text in contents.items() if name.endswith("/RECORD")]
    installed = {line.partition(",")[0] for text in records for line in text.splitlines()}
    own = [name for name in contents if name.endswith(".py") and name not in installed]
    problems = [problem for name in own if (problem := syntax_error(name, contents[name]))]
    if problems:
        yield f"{problems[0]}{f'; so do {len(problems) - 1} more files' if len(problems) > 1 else ''}"


def _requirements(text: str) -> Iterator[str]:
    for line in text.splitlines():
        found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
        if found:
            yield found[1]
