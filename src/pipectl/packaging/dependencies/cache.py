"""The folder of built packages: one zip for each manifest, target and version of the tool.

An entry is written to another name and renamed, so it is whole or absent, also when two processes build it at once or
one is killed. An entry that cannot be read, or is not a plain file, is built again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import stat
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipectl.errors import PackageError, PackageProblem
from pipectl.packaging.dependencies.installed import Content
from pipectl.packaging.zipped import zipped

KEEP_DAYS = 30
"""Days after its last use that an entry is removed."""
_DRAFT_DAYS = 1
"""Days that a file of a process which was killed stays."""
DRAFT = "draft-"
_DAY = 86_400
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, LookupError, TypeError, struct.error),
)
"""Errors of `zipfile` and `json` for a damaged entry."""
_PLAIN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Opens no link, and does not wait for the writer of a pipe."""
FREE_SPACE = "free space on the disk, or set the environment variable PIPECTL_CACHE to another folder"


@dataclass(frozen=True)
class Entry:
    """Installed packages, and the remarks that installing them made."""

    files: Mapping[str, Content]
    remarks: tuple[str, ...] = ()


def default_folder() -> Path:
    """Return ``$PIPECTL_CACHE``, else ``pipectl/packages`` in the user's cache folder.

    Raises:
        PackageError: the user has no home folder.
    """
    if own := os.environ.get("PIPECTL_CACHE"):
        return Path(own).absolute() / "packages"
    import platformdirs  # only a handler that needs packages has to wait for it

    with contextlib.suppress(RuntimeError):  # platformdirs finds no home folder
        folder = platformdirs.user_cache_path("pipectl", appauthor=False)
        if folder.is_absolute():
            return folder / "packages"
    raise PackageError(
        "the user has no home folder for the cache of packages",
        hint="set the environment variable PIPECTL_CACHE to a folder",
        problem=PackageProblem.CACHE,
        path="PIPECTL_CACHE",
    )


def key(parts: Iterable[str | bytes]) -> str:
    """Return the name of the entry that depends on these parts."""
    whole = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        whole.update(b"%d\n" % len(content) + content)
    return whole.hexdigest()


@dataclass(frozen=True)
class Cache:
    """The cache in a folder, which need not exist."""

    folder: Path

    def read(self, key: str) -> Entry | None:
        """Return an entry; ``None`` when there is none that is whole."""
        body = self.read_bytes(key)
        if body is None:
            return None
        try:
            archive = zipfile.ZipFile(io.BytesIO(body))
            files = {
                info.filename: Content(archive.read(info), bool((info.external_attr >> 16) & stat.S_IXUSR))
                for info in archive.infolist()
            }
            return Entry(files, tuple(map(str, json.loads(archive.comment or b"[]"))))
        except _BROKEN:
            return None

    def read_bytes(self, key: str) -> bytes | None:
        """Return the zip of an entry; ``None`` when there is none, or a link or something else."""
        path = self.folder / f"{key}.zip"
        try:
            with os.fdopen(os.open(path, _PLAIN), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                body = file.read()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return body

    def write(self, key: str, entry: Entry) -> None:
        """Store an entry, and remove those that were not used for long.

        Raises:
            PackageError: it cannot be written.
        """
        self.write_bytes(key, zipped(entry.files, comment=json.dumps(entry.remarks).encode()))

    def write_bytes(self, key: str, body: bytes) -> None:
        """Store the zip of an entry; see `write`."""
        with self.draft() as folder:
            path = Path(folder, "entry.zip")
            path.write_bytes(body)
            path.replace(self.folder / f"{key}.zip")
        self._remove_old()

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Create a folder in the cache that is removed at the end.

        Raises:
            PackageError: it cannot be created, written or read.
        """
        with self._checked():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=DRAFT, dir=self.folder, ignore_cleanup_errors=True) as path:
                yield Path(path)

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PackageError(
                f"the cache of packages {self.folder} cannot be written: {error.strerror or error}",
                hint=FREE_SPACE,
                problem=PackageProblem.CACHE,
                path=str(self.folder),
            ) from error

    def _remove_old(self) -> None:
        now = time.time()
        with contextlib.suppress(OSError):
            for entry in os.scandir(self.folder):
                days = (now - entry.stat(follow_symlinks=False).st_mtime) / _DAY
                if entry.name.startswith(DRAFT) and days > _DRAFT_DAYS:
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif entry.name.endswith(".zip") and days > KEEP_DAYS:
                    Path(entry.path).unlink(missing_ok=True)
