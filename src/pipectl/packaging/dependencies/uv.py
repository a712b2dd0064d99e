"""Installs the packages of `requirements.txt` with uv."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.cache import Entry
from pipectl.packaging.dependencies.failures import Failed
from pipectl.packaging.dependencies.installed import python_files
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Result

NAME = "uv"
_OPTIONS = ("--only-binary", ":all:", "--link-mode", "copy", "--no-progress", "--color", "never")
_NO_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?P<version>[<>=!~]=?[^\s,]+)? has no (usable )?wheels")
_PYTHON = re.compile(
    r"requested Python version .*? does not satisfy (?P<needs>Python\S+)[^,]*? and (?P<name>\S+) depends", re.DOTALL
)
_UNKNOWN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*) was not found in")
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of (?P<name>[A-Za-z0-9][^\s,]*)")
_AT = re.compile(
    r"`?(?P<file>[^\s`:]*\.(?:txt|in|pip))`?(?:.*? at position (?P<position>[0-9]+)|:(?P<line>[0-9]+):[0-9]+)"
)
_MOST_LINES = 100
_LONGEST_LINE = 500
"""Bounds of the output that is searched: the time of a search grows with the square of a word's length."""
_TAGS = re.compile(r"hint: (?P<tags>(?:Wheels are available for|You require).*)")


def command(path: str, folder: Path, manifest: Path, target: Target) -> list[str]:
    """Return the command that installs packages into a folder."""
    return [path, "pip", "install", "--target", str(folder), *target.uv_options(), *_OPTIONS, "-r", manifest.name]


def entry(folder: Path) -> Entry:
    """Return what was installed into a folder."""
    return Entry(python_files(folder))


def failure(result: Result, manifest: Path, target: Target, texts: Mapping[str, bytes]) -> PackageError:
    """Return the error for a failed installation."""
    lines = _useful(result.output)
    failed = Failed(NAME, manifest, target, result.output, lines)
    # uv wraps long sentences
    text = re.sub(r"\s+", " ", "\n".join(lines))
    return failed.general() or _broken(failed, texts) or _unavailable(failed, text) or failed.other()


def _useful(output: str) -> list[str]:
    """Return the lines from the first error on."""
    lines = [line.strip()[:_LONGEST_LINE] for line in output.splitlines() if line.strip()]
    first = next((at for at, line in enumerate(lines) if line.startswith("error:")), max(0, len(lines) - 3))
    return lines[first : first + _MOST_LINES]


def _broken(failed: Failed, texts: Mapping[str, bytes]) -> PackageError | None:
    found = _AT.search("\n".join(failed.lines))
    if not found:
        return None
    name, line = Path(found["file"]).name, found["line"]
    content = next((text for file, text in texts.items() if Path(file).name == name), b"")
    line = line or str(content.count(b"\n", 0, int(found["position"])) + 1)
    message = f"not a valid requirement{failed.quoted()}"
    where = f"{failed.manifest.parent / name}:{line}"
    return failed.error(PackageProblem.MANIFEST, message, "correct the line", where=where)


def _unavailable(failed: Failed, text: str) -> PackageError | None:
    target = failed.target
    if found := _NO_WHEEL.search(text):
        package = f"{found['name']}{found['version'] or ''}"
        tags = _TAGS.search("\n".join(failed.lines))
        found_for = f"; {tags['tags'].replace('`', '')}" if tags else ""
        hint = (
            f"name a version that has one, or {_other(target, 'runtime or architecture')}; packages in pure Python can "
            "also be installed into the folder, with `pip install --target`"
        )
        return failed.error(PackageProblem.NO_WHEEL, f"{package} has no wheel for {target}{found_for}", hint)
    if found := _PYTHON.search(text):
        message = f"{found['name']} needs {found['needs']}, and the function runs on {target}"
        return failed.error(
            PackageProblem.NO_WHEEL, message, f"name a version that fits, or {_other(target, 'runtime')}"
        )
    if found := _UNKNOWN.search(text):
        message = f"the package index has no package {found['name']}"
        return failed.error(PackageProblem.NO_PACKAGE, message, "correct the name")
    if found := _NO_VERSION.search(text):
        message = f"the package index has no version {found['name']}"
        return failed.error(PackageProblem.NO_PACKAGE, message, "name a version that exists")
    if "unsatisfiable" in text:
        message = f"the versions conflict{failed.quoted()}"
        return failed.error(PackageProblem.CONFLICT, message, "correct the versions")
    return None


def _other(target: Target, kind: str) -> str:
    """Return advice to use another target."""
    if target.local:
        return "run pipectl with another version of Python"
    return f"another {kind} in the config"
