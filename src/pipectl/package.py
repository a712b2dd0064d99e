"""A function's code as a zip that is the same, byte for byte, wherever and whenever it is made."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pipectl.errors import PackageError

LARGEST_UPLOAD = 50 * 1024 * 1024
"""Bytes that `CreateFunction` takes directly. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""

_LEFT_OUT = {"__pycache__", "node_modules", ".DS_Store"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_READABLE = 0o100644 << 16


@dataclass(frozen=True)
class Package:
    """A zip, and its hash as Lambda reports it in ``CodeSha256``."""

    body: bytes
    sha256: str


def build(source: Path, handler: str) -> Package:
    """Zip the folder ``source``: stored, sorted, with fixed times and modes.

    Raises:
        PackageError: the folder is missing, lacks the handler's file, does not parse, or is too large.
    """
    if not source.is_dir():
        raise PackageError(f"the handler's folder {source} does not exist", hint="correct `source` in the config")
    files = sorted(path for path in source.rglob("*") if path.is_file() and not _LEFT_OUT.intersection(path.parts))
    _check_handler(source, handler, files)
    if sum(path.stat().st_size for path in files) > LARGEST_UPLOAD:
        raise PackageError(
            f"{source} holds more than {LARGEST_UPLOAD // 2**20} MB, the most that Lambda takes directly"
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            info = zipfile.ZipInfo(path.relative_to(source).as_posix(), _EPOCH)
            info.create_system = 3  # Unix, also when made on Windows
            info.external_attr = _READABLE
            archive.writestr(info, path.read_bytes())
    body = buffer.getvalue()
    return Package(body, base64.b64encode(hashlib.sha256(body).digest()).decode())


def _check_handler(source: Path, handler: str, files: list[Path]) -> None:
    module = handler.rsplit(".", 1)[0]
    found = [path for path in files if path.relative_to(source).with_suffix("").as_posix() == module]
    if not found:
        raise PackageError(
            f"{source} has no file for the handler {handler!r}",
            hint=f"expected {module}.py, {module}.mjs or the like there",
        )
    for path in files:
        if path.suffix == ".py":
            _check_python(path)


def _check_python(path: Path) -> None:
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise PackageError(f"{path}:{line}: does not parse: {getattr(error, 'msg', error)}") from None
