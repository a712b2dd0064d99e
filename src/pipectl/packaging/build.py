"""A function's code as a zip that is the same, byte for byte, wherever and whenever it is made."""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import warnings
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipectl.errors import PackageError

LARGEST_UPLOAD = 50 * 1024 * 1024
"""Bytes that `CreateFunction` takes directly. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""

_LEFT_OUT = {"__pycache__", "node_modules", ".DS_Store"}
_SUFFIXES = {"python": (".py",), "nodejs": (".mjs", ".js", ".cjs")}
"""How a handler's file may end, by language."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_READABLE = 0o100644 << 16


@dataclass(frozen=True)
class Package:
    """A zip, and its hash as Lambda reports it in ``CodeSha256``."""

    body: bytes
    sha256: str


def build(source: Path, handler: str, language: str) -> Package:
    """Zip the folder ``source``: stored, sorted, with fixed times and modes. ``language`` is ``python`` or ``nodejs``.

    Raises:
        PackageError: the folder is missing, cannot be read, lacks the handler's file, does not parse, or is too large.
    """
    if not source.is_dir():
        problem = "is not a folder" if source.exists() else "does not exist"
        raise PackageError(f"the handler's folder {source} {problem}", hint="correct `source` in the config")
    try:
        files = _files(source)
        _check_size(source, files)
        contents = {name: path.read_bytes() for name, path in files.items()}
    except OSError as error:
        raise PackageError(f"{error.filename or source} cannot be read: {error.strerror}") from error
    handler_file(source, handler, language, contents)
    for name, content in contents.items():
        if name.endswith(".py"):
            _check_python(source / name, content)
    body = _zip(contents)
    return Package(body, base64.b64encode(hashlib.sha256(body).digest()).decode())


def _files(source: Path) -> dict[str, Path]:
    """Every file by its name in the zip, sorted in the same way on every machine."""
    found = {path.relative_to(source): path for path in source.rglob("*") if path.is_file()}
    kept = {name.as_posix(): path for name, path in found.items() if not _LEFT_OUT.intersection(name.parts)}
    return dict(sorted(kept.items()))


def _check_size(source: Path, files: Mapping[str, Path]) -> None:
    size = sum(path.stat().st_size for path in files.values())
    if size > LARGEST_UPLOAD:
        most = LARGEST_UPLOAD // 2**20
        raise PackageError(
            f"{source} holds {size / 2**20:.0f} MB, more than the {most} MB that Lambda takes directly",
            hint="leave out what the function does not import",
        )


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also when made on Windows
            info.external_attr = _READABLE
            archive.writestr(info, content)
    return buffer.getvalue()


def handler_file(source: Path, handler: str, language: str, names: Collection[str]) -> Path:
    """The file of ``handler``, of those in the folder ``source`` that are named, where Lambda would look for it.

    Raises:
        PackageError: there is none.
    """
    wanted = [f"{module}{suffix}" for module in _modules(handler, language) for suffix in _SUFFIXES[language]]
    for name in wanted:
        if name in names:
            return source / name
    raise PackageError(
        f"{source} has no file for the handler {handler!r} in {language}",
        hint=f"expected {' or '.join(wanted)} there; {{language}} in `source` stands for the runtime's",
    )


def _modules(handler: str, language: str) -> list[str]:
    """The handler's file without its suffix: Python takes dots for folders, Node.js for parts of what is exported."""
    if language == "python":
        module = handler.rpartition(".")[0]
        return list(dict.fromkeys((module, module.replace(".", "/"))))
    folder, slash, name = handler.rpartition("/")
    return [f"{folder}{slash}{name.partition('.')[0]}"]


def _check_python(path: Path, content: bytes) -> None:
    try:
        with warnings.catch_warnings(action="ignore"):  # what the code is warned of is its author's business
            compile(content, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise PackageError(
            f"{path}:{line}: does not parse: {getattr(error, 'msg', error)}",
            hint=f"correct it; if it is meant for a newer Python than the {version} that pipectl runs on, use that one",
        ) from None
