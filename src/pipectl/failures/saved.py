"""Records of failures kept in files, as JSON lines, to be replayed at any later time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from urllib.parse import quote, unquote

from pipectl.aws.stream_records import Kept, kept_record
from pipectl.errors import SavedFilesError
from pipectl.failures.errors import UnusableIdError
from pipectl.failures.model import Damage, End, Failure, Reading, Record

_SUFFIX = ".jsonl"
_LONGEST_NAME = 255
"""Bytes of a file name, on all common file systems."""


def write(folder: Path, failure: Failure, records: Iterable[Record]) -> int:
    """Write the records of one failure to ``<folder>/<audit id>.jsonl``, whole or not at all; return their number.

    Raises:
        UnusableIdError: the failure's id is too long for a file name.
        SavedFilesError: the file cannot be written.
    """
    path = _path(folder, failure.audit_id)
    if len(path.name.encode()) > _LONGEST_NAME:
        raise UnusableIdError(f"the id {failure.audit_id[:60]}... is too long for a file name")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=".", suffix=".partial", delete=False) as file:
            try:
                count = _write_lines(file, records)
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
    except OSError as error:
        raise SavedFilesError(
            f"cannot write {path}: {error.strerror}", hint="choose another folder for --save"
        ) from error
    return count


def audit_ids(folder: Path) -> list[str]:
    """Return the audit ids of the failures whose records a folder holds.

    Raises:
        SavedFilesError: the folder does not exist, or holds none.
    """
    names = sorted(path.name for path in folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not names:
        raise SavedFilesError(f"{folder} has no saved failures", hint="save some with `pipectl replay-dlq --save DIR`")
    return [unquote(name.removesuffix(_SUFFIX)) for name in names]


def read(folder: Path, failure: Failure) -> Iterator[Reading]:
    """Yield the saved records of one failure, and a damage for each line that does not hold one.

    Raises:
        SavedFilesError: the file cannot be read.
    """
    path = _path(folder, failure.audit_id)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line_number, line in enumerate(file, 1):
                kept = kept_record(line)
                if kept and isinstance(kept.event.get("eventName"), str):
                    yield Record.of(kept.event, cause=kept.cause)
                else:
                    yield Damage(f"{path}:{line_number}: not a stream record")
    except OSError as error:
        raise SavedFilesError(f"cannot read {path}: {error.strerror}") from error
    yield End(complete=True)


def _path(folder: Path, audit_id: str) -> Path:
    """Return a failure's file. An id from the table can hold any character; quoted, it stays in the folder."""
    return folder / f"{quote(audit_id, safe='', errors='replace')}{_SUFFIX}"


def _write_lines(file: IO[str], records: Iterable[Record]) -> int:
    count = 0
    for record in records:
        file.write(Kept(record.event, record.cause).json() + "\n")
        count += 1
    file.flush()
    os.fsync(file.fileno())
    return count
