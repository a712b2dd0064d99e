"""A function's code as a zip of the same bytes on every machine.

Files are stored, which gives the same bytes everywhere. Above 50 MB they are deflated, and the output of zlib differs
between versions: such a package is compared by a hash of its contents.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging import contents as package_contents
from pipectl.packaging.dependencies.cache import Cache, default_folder, key
from pipectl.packaging.dependencies.installed import Content
from pipectl.packaging.dependencies.manifest import Manifest
from pipectl.packaging.dependencies.provide import Dependencies, manifest_of, provide
from pipectl.packaging.dependencies.target import Target
from pipectl.packaging.dependencies.tools import Tools
from pipectl.packaging.handler import check_function, handler_file
from pipectl.packaging.owners import owners_of
from pipectl.packaging.tree import NODE_MODULES, files_of
from pipectl.packaging.zipped import zipped

LARGEST_UPLOAD = 50 * 1024 * 1024
LARGEST_UNZIPPED = 250 * 1024 * 1024
"""Bytes that Lambda takes directly, and after unzipping. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""


@dataclass(frozen=True)
class Source:
    """A handler's folder, and how and where its function runs.

    Args:
        folder: The folder.
        handler: ``<file>.<function>`` in it.
        language: ``python`` or ``nodejs``.
        target: The runtime and machine of the function.
    """

    folder: Path
    handler: str
    language: str
    target: Target


@dataclass(frozen=True)
class Package:
    """A zip.

    Args:
        body: Its bytes.
        deflated: True when its bytes depend on the machine.
        content_sha256: A hash of names, modes and contents, in base64.
        warnings: Remarks about the contents, such as a binary of another architecture.
        unpinned: The remark about versions of installed packages that are not fixed.
        missing: The manifest whose packages are not in it, because nothing was to be installed.
    """

    body: bytes
    deflated: bool
    content_sha256: str
    warnings: tuple[str, ...] = ()
    unpinned: str | None = None
    missing: str | None = None

    @cached_property
    def sha256(self) -> str:
        """Return the hash of the zip, as Lambda reports it in ``CodeSha256``."""
        return _base64(hashlib.sha256(self.body))

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """Return the remarks, also the one about versions."""
        return (*self.warnings, self.unpinned) if self.unpinned else self.warnings

    @property
    def identity(self) -> str:
        """Return the hash by which packages are compared: the same on every machine."""
        return self.content_sha256 if self.deflated else self.sha256


def build(source: Source, tools: Tools | None = None) -> Package:
    """Zip a folder and the packages that its manifest names: sorted, with fixed times and modes.

    Args:
        source: The folder.
        tools: The programs that install packages, and the cache.

    Raises:
        PackageError: the folder is missing or cannot be packaged, lacks the handler, or is too large, or a package that
            it needs cannot be installed.
    """
    if not source.folder.is_dir():
        problem = "is not a folder" if source.folder.exists() else "does not exist"
        message = f"the handler's folder {source.folder} {problem}"
        hint = "correct `source` in the config"
        raise PackageError(message, problem=PackageProblem.NO_FOLDER, path=str(source.folder), hint=hint)
    tools = tools or Tools()
    try:
        manifest = manifest_of(source.folder, source.language)
        own = _own_contents(source, manifest)
    except OSError as error:
        path = str(error.filename or source.folder)
        message = f"{path} cannot be read: {error.strerror}"
        raise PackageError(message, problem=PackageProblem.UNREADABLE, path=path) from error
    handler = handler_file(source.folder, source.handler, source.language, own)
    name = handler.relative_to(source.folder).as_posix()
    check_function(handler, own[name].data, source.handler, source.language)
    found = provide(source.folder, manifest, source.target, tools) if manifest else Dependencies()
    found = replace(found, warnings=(*found.warnings, *_replaced(own, found.files)))
    contents = dict(sorted({**found.files, **own}.items()))
    return _packed(source, contents, found, tools, installed=manifest is not None)


def _replaced(own: Mapping[str, Content], installed: Mapping[str, Content]) -> Iterator[str]:
    """Yield a warning for files of the folder that take the place of a package's."""
    if both := sorted(own.keys() & installed.keys()):
        owner = owners_of({name: content.data for name, content in installed.items()}).get(both[0], "a package")
        more = f" and {len(both) - 1} more" if len(both) > 1 else ""
        yield f"{both[0]}{more} of the handler's folder is packaged instead of the file of {owner}"


def _own_contents(source: Source, manifest: Manifest | None) -> dict[str, Content]:
    """Return the files of the folder; without ``node_modules`` where npm installs it from the manifest."""
    skipped = {NODE_MODULES} if manifest and source.language == "nodejs" else set()
    files = files_of(source.folder, skipped)
    _check_size(source.folder, {name: file.size for name, file in files.items()})
    return {name: Content(file.path.read_bytes(), file.executable) for name, file in files.items()}


def _check_size(folder: Path, sizes: Mapping[str, int], packages: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Refuse what Lambda does not unzip. ``packages`` are the contents where packages were installed."""
    size = sum(sizes.values())
    if size > LARGEST_UNZIPPED:
        raise PackageError(
            f"{folder} contains {_megabytes(size)}, more than the {_megabytes(LARGEST_UNZIPPED)} that Lambda unzips",
            hint=_smaller(sizes, packages),
            problem=PackageProblem.TOO_LARGE,
            path=str(folder),
        )


def _smaller(sizes: Mapping[str, int], packages: Mapping[str, bytes]) -> str:
    """Return advice with the largest packages, and the largest file where no package was installed."""
    owners = owners_of(packages)
    if not owners:
        largest = max(sizes, key=lambda name: sizes[name])
        return f"remove files that the function does not need; the largest is {largest}"
    used: Counter[str] = Counter()
    for name, size in sizes.items():
        used[str(owners.get(name, "the handler's own files"))] += size
    shown = ", ".join(f"{name} ({_megabytes(size)})" for name, size in used.most_common(3))
    return f"remove packages that the function does not need; the largest are {shown}"


def _packed(
    source: Source, contents: Mapping[str, Content], found: Dependencies, tools: Tools, *, installed: bool
) -> Package:
    data = {name: content.data for name, content in contents.items()}
    sizes = {name: len(each) for name, each in data.items()}
    packages = data if found.files else {}
    _check_size(source.folder, sizes, packages)
    body = zipped(contents) if sum(sizes.values()) <= LARGEST_UPLOAD else b""
    deflated, digest = not 0 < len(body) <= LARGEST_UPLOAD, _content_hash(contents)
    if deflated:
        body = _deflated(contents, digest, tools)
    if len(body) > LARGEST_UPLOAD:
        raise PackageError(
            f"{source.folder} takes {_megabytes(len(body))} as a zip, more than the {_megabytes(LARGEST_UPLOAD)} "
            "that Lambda takes directly",
            hint=_smaller(sizes, packages),
            problem=PackageProblem.TOO_LARGE,
            path=str(source.folder),
        )
    remarks = package_contents.warnings(data, source.language, source.target.machine, installed=installed)
    return Package(body, deflated, digest, (*found.warnings, *remarks), found.unpinned, found.missing)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MB"


def _deflated(contents: Mapping[str, Content], digest: str, tools: Tools) -> bytes:
    """Return the deflated zip. The cache keeps it, because 100 MB take seconds."""
    cache = Cache(tools.cache or default_folder())
    name = key(["deflated", zlib.ZLIB_RUNTIME_VERSION, digest])
    if (kept := cache.read_bytes(name)) and _is_zip_of(kept, contents):
        return kept
    body = zipped(contents, zipfile.ZIP_DEFLATED)
    with contextlib.suppress(PackageError):  # it costs time only
        cache.write_bytes(name, body)
    return body


def _is_zip_of(body: bytes, contents: Mapping[str, Content]) -> bool:
    """Return whether a zip has exactly these files, by their checksums."""
    try:
        found = {info.filename: (info.CRC, info.file_size) for info in zipfile.ZipFile(io.BytesIO(body)).infolist()}
    except (zipfile.BadZipFile, ValueError):
        return False
    return found == {name: (zlib.crc32(content.data), len(content.data)) for name, content in contents.items()}


def _content_hash(contents: Mapping[str, Content]) -> str:
    whole = hashlib.sha256()
    for name, content in contents.items():
        mode = "755" if content.executable else "644"
        whole.update(f"{len(name.encode())} {mode} {len(content.data)} {name}\n".encode())
        whole.update(content.data)
    return _base64(whole)


def _base64(digest: hashlib._Hash) -> str:
    return base64.b64encode(digest.digest()).decode()
