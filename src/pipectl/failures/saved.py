"""Records of failures kept in files, as JSON lines, to be replayed any time later."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from urllib.parse import quote, unquote

from pipectl.aws.stream_records import EventRecord, kept_record, sequence_number
from pipectl.errors import PipectlError
from pipectl.failures.model import Failure
from pipectl.failures.records import Reading

_SUFFIX = ".jsonl"


def write(folder: Path, failure: Failure, records: Iterable[EventRecord]) -> int:
    """Write the records of one failure to ``<folder>/<audit id>.jsonl``, whole or not at all; how many there were.

    Raises:
        PipectlError: the disk does not take them.
    """
    path = _path(folder, failure.audit_id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix=".", suffix=".partial", delete=False) as file:
            try:
                count = _write_lines(file, records)
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
    except OSError as error:
        raise PipectlError(f"cannot write {path}: {error.strerror}", hint="choose another folder for --save") from error
    return count


def audit_ids(folder: Path) -> list[str]:
    """The failures that a folder has records of.

    Raises:
        PipectlError: there is no such folder, or it holds none.
    """
    names = sorted(path.name for path in folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not names:
        raise PipectlError(f"{folder} holds no saved failures", hint="save some with `pipectl replay-dlq --save DIR`")
    return [unquote(name.removesuffix(_SUFFIX)) for name in names]


def read(folder: Path, failure: Failure, reading: Reading) -> Iterator[EventRecord]:
    """The saved records of one failure. A line that is none is named in ``reading``, and the others are taken.

    Raises:
        PipectlError: the file cannot be read.
    """
    path, where = _path(folder, failure.audit_id), failure.range
    ends = {where.first, where.last} if where else set[int]()
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line_number, line in enumerate(file, 1):
                record = _record(line)
                if record is None:
                    reading.damaged.append(f"{path}:{line_number}: is not a stream record")
                    continue
                reading.came |= ends & {sequence_number(record)}
                yield record
    except OSError as error:
        raise PipectlError(f"cannot read {path}: {error.strerror}") from error
    reading.complete = True


def _path(folder: Path, audit_id: str) -> Path:
    """An id from the table can hold anything; in a file's name it must not lead out of the folder."""
    return folder / f"{quote(audit_id, safe='')}{_SUFFIX}"


def _write_lines(file: IO[str], records: Iterable[EventRecord]) -> int:
    count = 0
    for record in records:
        file.write(json.dumps(record) + "\n")
        count += 1
    file.flush()
    os.fsync(file.fileno())
    return count


def _record(line: str) -> EventRecord | None:
    record = kept_record(line)
    return record if record and isinstance(record.get("eventName"), str) else None
