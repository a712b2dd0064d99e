"""Reads `package.json` and its lock file, and refuses what cannot be installed for Lambda."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.addresses import has_credentials
from pipectl.packaging.dependencies.manifest import Manifest

NAME = "package.json"
LOCKS = ("npm-shrinkwrap.json", "package-lock.json")
"""Lock files of npm, the one that it prefers first."""
SETTINGS = ".npmrc"
_LARGEST = 32 * 1024 * 1024
_LOCAL = re.compile(r"(file|link|workspace|portal):|\.{0,2}/|~/|[A-Za-z]:[/\\]", re.IGNORECASE)


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; ``None`` when its `package.json` is missing or names no package.

    Raises:
        PackageError: it cannot be read, is invalid, or names a folder of this machine.
    """
    file = folder / NAME
    if not file.is_file():
        return None
    texts = {NAME: _content(file)}
    package = _object(file, texts[NAME])
    required = _required(file, package)
    if not required:
        return None
    lock = next((folder / name for name in LOCKS if (folder / name).is_file()), None)
    if lock:
        texts[lock.name] = _content(lock)
        _object(lock, texts[lock.name])
    if (folder / SETTINGS).is_file():
        texts[SETTINGS] = _content(folder / SETTINGS)
    optional = package.get("optionalDependencies") or {}
    always = [name for name in required if isinstance(optional, dict) and name not in optional]
    return Manifest(NAME, texts, {name: name for name in required}, always, locked=lock is not None)


def _required(file: Path, package: dict[str, object]) -> dict[str, str]:
    required: dict[str, str] = {}
    for section in ("dependencies", "optionalDependencies"):
        found = package.get(section, {})
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            raise PackageError(
                f"{file}: {section} is not an object of names and versions",
                problem=PackageProblem.MANIFEST,
                path=str(file),
                hint="correct the file",
            )
        required |= found
    for name, version in required.items():
        if _LOCAL.match(version):
            raise PackageError(
                f"{file}: {name[:60]} names a folder of this machine: {version[:60]}",
                problem=PackageProblem.UNSUPPORTED,
                path=str(file),
                hint="name a published version, or put the files into the handler's folder",
            )
    return required


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise PackageError(message, problem=PackageProblem.UNREADABLE, path=str(file)) from None
    if len(content) > _LARGEST:
        message = f"{file} is larger than {_LARGEST // 2**20} MB"
        raise PackageError(message, problem=PackageProblem.MANIFEST, path=str(file), hint="correct the file")
    if file.name != SETTINGS:  # no package contains the settings
        _check_credentials(file, content)
    return content


def _check_credentials(file: Path, content: bytes) -> None:
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        if has_credentials(line):
            raise PackageError(
                f"{file}:{number}: an address contains credentials, and everyone who may read the function could read "
                "them",
                problem=PackageProblem.SECRETS,
                path=f"{file}:{number}",
                hint=f"write them into {SETTINGS} beside the file, which no function contains",
            )


def _object(file: Path, content: bytes) -> dict[str, object]:
    where, reason = str(file), "is not a JSON object"
    try:
        found = json.loads(content.decode("utf-8-sig"))
        if isinstance(found, dict):
            return found
    except json.JSONDecodeError as error:
        where, reason = f"{file}:{error.lineno}", f"is not valid JSON: {error.msg}"
    except RecursionError:
        reason = "is nested too deeply"
    except ValueError:
        reason = "is not valid UTF-8"
    raise PackageError(f"{where}: {reason}", problem=PackageProblem.MANIFEST, path=where, hint="correct the file")
