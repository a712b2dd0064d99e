"""Records of failures kept in files, as JSON lines, to be replayed any time later."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipectl.errors import PipectlError
from pipectl.failures.model import Failure
from pipectl.stream_records import EventRecord

_SUFFIX = ".jsonl"


def write(folder: Path, failure: Failure, records: Iterable[EventRecord]) -> int:
    """Write the records of one failure to ``<folder>/<audit id>.jsonl``, whole or not at all; how many there were."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{failure.audit_id}.partial"
    count = 0
    with partial.open("w", encoding="utf-8") as stream:
        for record in records:
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(folder / f"{failure.audit_id}{_SUFFIX}")
    return count


def audit_ids(folder: Path) -> list[str]:
    """The failures that a folder has records of.

    Raises:
        PipectlError: there is no such folder, or it holds none.
    """
    found = sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    if not found:
        raise PipectlError(f"{folder} holds no saved failures", hint="save some with `pipectl replay-dlq --save DIR`")
    return found


def read(folder: Path, audit_id: str) -> Iterator[EventRecord]:
    """The saved records of one failure.

    Raises:
        PipectlError: a line is not a record.
    """
    path = folder / f"{audit_id}{_SUFFIX}"
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            try:
                record = json.loads(line)
                int(record["dynamodb"]["SequenceNumber"])
            except (ValueError, KeyError, TypeError):
                raise PipectlError(f"{path}:{number}: is not a stream record", hint="save the failure again") from None
            yield record
