"""A function's code as a zip of the same bytes on every machine.

Files are stored, which gives the same bytes everywhere. Above 50 MB they are deflated, and the output of zlib differs
between versions: such a package is compared by a hash of its contents.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging import contents as package_contents
from pipectl.packaging.handler import check_function, handler_file
from pipectl.packaging.tree import File, files_of

LARGEST_UPLOAD = 50 * 1024 * 1024
LARGEST_UNZIPPED = 250 * 1024 * 1024
"""Bytes that Lambda takes directly, and after unzipping. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
_MODES = {False: 0o100644 << 16, True: 0o100755 << 16}
"""Modes of a file, by whether it is executable: every user of the function's machine can read it."""


@dataclass(frozen=True)
class Source:
    """A handler's folder and how its function runs.

    Args:
        folder: The folder.
        handler: ``<file>.<function>`` in it.
        language: ``python`` or ``nodejs``.
        architecture: ``arm64`` or ``x86_64``.
        runtime: The name of the runtime, such as ``python3.14``.
        local: The function runs on this machine, in the local emulator, instead of on Lambda.
    """

    folder: Path
    handler: str
    language: str
    architecture: str = "arm64"
    runtime: str = "python3.14"
    local: bool = False


@dataclass(frozen=True)
class Package:
    """A zip.

    Args:
        body: Its bytes.
        deflated: True when its bytes depend on the machine.
        content_sha256: A hash of names, modes and contents, in base64.
        warnings: Remarks about the contents, such as a binary of another architecture.
    """

    body: bytes
    deflated: bool
    content_sha256: str
    warnings: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the zip, as Lambda reports it in ``CodeSha256``."""
        return _base64(hashlib.sha256(self.body))

    @property
    def identity(self) -> str:
        """Return the hash by which packages are compared: the same on every machine."""
        return self.content_sha256 if self.deflated else self.sha256


def build(source: Source) -> Package:
    """Zip a folder: sorted, with fixed times and modes.

    Raises:
        PackageError: the folder is missing or cannot be packaged, lacks the handler, or is too large.
    """
    if not source.folder.is_dir():
        problem = "is not a folder" if source.folder.exists() else "does not exist"
        message = f"the handler's folder {source.folder} {problem}"
        hint = "correct `source` in the config"
        raise PackageError(message, problem=PackageProblem.NO_FOLDER, path=str(source.folder), hint=hint)
    try:
        files = files_of(source.folder)
        _check_size(source.folder, files)
        contents = {name: file.path.read_bytes() for name, file in files.items()}
    except OSError as error:
        path = str(error.filename or source.folder)
        message = f"{path} cannot be read: {error.strerror}"
        raise PackageError(message, problem=PackageProblem.UNREADABLE, path=path) from error
    handler = handler_file(source.folder, source.handler, source.language, contents)
    name = handler.relative_to(source.folder).as_posix()
    check_function(handler, contents[name], source.handler, source.language)
    return _packed(source, files, contents)


def _check_size(folder: Path, files: Mapping[str, File]) -> None:
    size = sum(file.size for file in files.values())
    if size > LARGEST_UNZIPPED:
        largest = max(files, key=lambda name: files[name].size)
        raise PackageError(
            f"{folder} contains {_megabytes(size)}, more than the {_megabytes(LARGEST_UNZIPPED)} that Lambda unzips",
            hint=f"remove files that the function does not need; the largest is {largest}",
            problem=PackageProblem.TOO_LARGE,
            path=str(folder),
        )


def _packed(source: Source, files: Mapping[str, File], contents: Mapping[str, bytes]) -> Package:
    size = sum(map(len, contents.values()))
    body = _zip(files, contents, zipfile.ZIP_STORED) if size <= LARGEST_UPLOAD else b""
    deflated = not 0 < len(body) <= LARGEST_UPLOAD
    if deflated:
        body = _zip(files, contents, zipfile.ZIP_DEFLATED)
    if len(body) > LARGEST_UPLOAD:
        largest = max(files, key=lambda name: files[name].size)
        raise PackageError(
            f"{source.folder} takes {_megabytes(len(body))} as a zip, more than the {_megabytes(LARGEST_UPLOAD)} "
            "that Lambda takes directly",
            hint=f"remove files that the function does not need; the largest is {largest}",
            problem=PackageProblem.TOO_LARGE,
            path=str(source.folder),
        )
    found = package_contents.warnings(contents, source.language, source.architecture)
    return Package(body, deflated, _content_hash(files, contents), tuple(found))


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MB"


def _zip(files: Mapping[str, File], contents: Mapping[str, bytes], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, also when made on Windows
            info.external_attr = _MODES[files[name].executable]
            info.compress_type = compression
            archive.writestr(info, content)
    return buffer.getvalue()


def _content_hash(files: Mapping[str, File], contents: Mapping[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name, content in contents.items():
        mode = "755" if files[name].executable else "644"
        whole.update(f"{len(name.encode())} {mode} {len(content)} {name}\n".encode())
        whole.update(content)
    return _base64(whole)


def _base64(digest: hashlib._Hash) -> str:
    return base64.b64encode(digest.digest()).decode()
