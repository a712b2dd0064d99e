"""Installs the packages of `package.json` with npm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.cache import Entry
from pipectl.packaging.dependencies.failures import Failed
from pipectl.packaging.dependencies.installed import node_files
from pipectl.packaging.dependencies.manifest import Manifest
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Result

NAME = "npm"
_OPTIONS = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
_RETRIES = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
"""Milliseconds. By itself npm waits 70 s before it reports that there is no network."""
_CODE = re.compile(r"^npm error code (E?[A-Z_0-9]+)", re.MULTILINE)
_PROBLEMS = {
    "E404": (PackageProblem.NO_PACKAGE, "the package index has no such package", "correct the name"),
    "ETARGET": (PackageProblem.NO_PACKAGE, "the package index has no such version", "name a version that exists"),
    "ERESOLVE": (PackageProblem.CONFLICT, "the versions conflict", "correct the versions"),
    "EBADPLATFORM": (PackageProblem.NO_WHEEL, "a package is for another platform", "remove it from the dependencies"),
    "EUSAGE": (PackageProblem.MANIFEST, "does not match its lock file", "run `npm install` in the folder"),
    "EJSONPARSE": (PackageProblem.MANIFEST, "is not valid JSON", "correct the file"),
    "EINVALIDPACKAGENAME": (PackageProblem.MANIFEST, "contains an invalid package name", "correct the name"),
    "EINVALIDTAGNAME": (PackageProblem.MANIFEST, "contains an invalid version", "correct the version"),
}
_NOISE = ("A complete log", "Clean install", "Usage:", "npm ci", "code E", "Note that you can", "tarball, folder")


def command(path: str, target: Target, *, locked: bool) -> list[str]:
    """Return the command that installs the packages of the manifest in the current folder."""
    return [path, "ci" if locked else "install", *_OPTIONS, *_RETRIES, *target.npm_options()]


def prepare(folder: Path, manifest: Manifest) -> None:
    """Copy a manifest, its lock and the settings of npm into an empty folder."""
    for name, text in manifest.texts.items():
        (folder / name).write_bytes(text)


def entry(folder: Path) -> Entry:
    """Return what was installed into a folder. Install scripts were not run; a remark names their packages."""
    names = sorted(_with_scripts(folder / "node_modules" / ".package-lock.json"))
    if not names:
        return Entry(node_files(folder))
    remark = f"the install scripts of {', '.join(names[:3])}{' and others' if len(names) > 3 else ''} were not run"
    return Entry(node_files(folder), (remark,))


def _with_scripts(lock: Path) -> Iterator[str]:
    try:
        packages = json.loads(lock.read_bytes())["packages"]
        yield from (
            name.rpartition("node_modules/")[2] for name, package in packages.items() if package.get("hasInstallScript")
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return


def failure(result: Result, manifest: Path, target: Target) -> PackageError:
    """Return the error for a failed installation."""
    lines = [line.removeprefix("npm error").strip() for line in result.output.splitlines()]
    useful = [line for line in lines if line and line != "404" and not line.startswith(_NOISE)]
    end = next((at for at, line in enumerate(useful) if line.startswith(("Options:", "at ", "["))), len(useful))
    failed = Failed(NAME, manifest, target, result.output, useful[:end])
    code = _CODE.search(result.output)
    known = _PROBLEMS.get(code[1]) if code else None
    if general := failed.general():
        return general
    if not known:
        return failed.other()
    problem, reason, hint = known
    return failed.error(problem, f"{reason}{failed.quoted()}", hint)
