"""Files of a zip that anybody can have made. Nothing is written, and no more is read than Lambda would unzip."""

from __future__ import annotations

import io
import posixpath
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass

from pipectl.packaging.build import LARGEST_UNZIPPED
from pipectl.packaging.tree import MOST_FILES
from pipectl.review.model import FileMode

_ENTRY = b"PK\x01\x02"
"""The beginning of each entry of a zip's directory."""
_ENCRYPTED = 0x1
_UNIX = 3
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Methods whose output can be limited while it is read."""
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, OSError, OverflowError, RuntimeError, ValueError, LookupError),
)
"""Errors of `zipfile` for an invalid zip."""


class ArchiveError(Exception):
    """A zip that is not read; the message is the reason."""


@dataclass(frozen=True)
class File:
    """A file of a zip."""

    content: bytes
    mode: FileMode


class Archive:
    """A zip whose directory was checked. Its files are read one at a time.

    Args:
        body: Its bytes.

    Raises:
        ArchiveError: it is no zip, or holds what Lambda would not unzip, or what would be ambiguous.
    """

    def __init__(self, body: bytes) -> None:
        if body.count(_ENTRY) > 2 * MOST_FILES:
            raise ArchiveError(f"the package has more than {2 * MOST_FILES:,} entries")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(body))
        except _BROKEN as error:
            raise ArchiveError("the package is not a valid zip") from error
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in self._zip.infolist():
            _check(entry)
            name = posixpath.normpath(entry.filename)
            if entry.is_dir():
                continue
            if name in self._entries:
                raise ArchiveError(f"the package has two files named {name}")
            self._entries[name] = entry
        if sum(entry.file_size for entry in self._entries.values()) > LARGEST_UNZIPPED:
            raise ArchiveError(f"the package unzips to more than the {LARGEST_UNZIPPED // 2**20} MB that Lambda allows")

    @property
    def names(self) -> frozenset[str]:
        """The names of its files."""
        return frozenset(self._entries)

    def read(self, name: str) -> File | None:
        """Return a file; ``None`` when there is none of this name.

        Raises:
            ArchiveError: its bytes are damaged.
        """
        entry = self._entries.get(name)
        if entry is None:
            return None
        try:
            with self._zip.open(entry) as stream:
                return File(stream.read(entry.file_size), _mode(entry))
        except _BROKEN as error:
            raise ArchiveError(f"the file {name} is damaged") from error


def _check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if not name or name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        raise ArchiveError(f"the package has an entry with the invalid name {name!r}")
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"the file {name} is encrypted")
    if entry.compress_type not in _METHODS:
        raise ArchiveError(f"the file {name} is compressed with an unknown method")


def _mode(entry: zipfile.ZipInfo) -> FileMode:
    mode = entry.external_attr >> 16 if entry.create_system == _UNIX else 0
    if stat.S_ISLNK(mode):
        return FileMode.LINK
    return FileMode.EXECUTABLE if mode & 0o111 else FileMode.ORDINARY
