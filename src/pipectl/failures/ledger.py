"""Which records have an object, which a failure, and which neither.

The stream of a day can hold millions of records and the bucket as many objects, so they are brought together in a
database on disk, which goes when it is closed; memory holds a page of it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from pipectl.aws.stream_records import EventRecord, sequence_number
from pipectl.failures.model import StreamRange
from pipectl.failures.objects import QUARANTINE_DIGITS, day_of, object_name, written_at
from pipectl.failures.stream import StreamShard

_MANY = 1000
_SCHEMA = """
CREATE TABLE records (
    stream TEXT, shard TEXT, number TEXT, digits INTEGER, event TEXT, id TEXT, keys TEXT, written INTEGER,
    day TEXT, name TEXT, state INTEGER DEFAULT 0, PRIMARY KEY (stream, shard, number)
) WITHOUT ROWID;
CREATE INDEX objects ON records (day, name);
"""
_UNSETTLED_COLUMNS = "stream, shard, number, digits, event, id, keys, written, day, name"


class Settled(IntEnum):
    """What there is of a record."""

    NEITHER = 0
    FAILED = 1
    STORED = 2


@dataclass(frozen=True)
class LostRecord:
    """A record that has neither an object nor a failure.

    Args:
        stream_arn: Its stream.
        shard_id: Its shard.
        sequence_number: As DynamoDB writes it.
        event_name: ``INSERT`` or ``MODIFY``.
        event_id: The stream's own id of it.
        keys: Of the order, in DynamoDB's typed form.
        written_at: When the order was written.
        object_name: ``<day>/<name>``: where its object should be, under the prefix.
    """

    stream_arn: str
    shard_id: str
    sequence_number: str
    event_name: str
    event_id: str
    keys: Any
    written_at: datetime
    object_name: str


class Ledger:
    """Filled with records, then with objects and failures; then asked who is left. For several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._waiting: list[tuple[Any, ...]] = []

    def close(self) -> None:
        self._database.close()

    def add(self, shard: StreamShard, record: EventRecord) -> None:
        """A record of the stream; once, however often it is added."""
        written = record["dynamodb"]["SequenceNumber"]
        row = (
            shard.stream_arn,
            shard.shard_id,
            _padded(sequence_number(record)),
            len(written),
            record["eventName"],
            record.get("eventID", ""),
            json.dumps(record["dynamodb"].get("Keys", {})),
            int(written_at(record).timestamp()),
            day_of(record),
            object_name(record),
        )
        with self._lock:
            self._waiting.append(row)
            if len(self._waiting) >= _MANY:
                self._write()

    def days(self) -> list[str]:
        """The folders in which objects are to be looked for."""
        return [day for (day,) in self._rows("SELECT DISTINCT day FROM records ORDER BY day")]

    def found_objects(self, day: str, names: Iterable[str]) -> None:
        """There are objects of these names in the folder of a day."""
        update = "UPDATE records SET state = ? WHERE day = ? AND name = ?"
        with self._lock:
            self._write()
            self._database.executemany(update, ((Settled.STORED, day, name) for name in names))

    def found_failure(self, where: StreamRange) -> None:
        """The records of a range failed for good, as far as they have no object."""
        update = "UPDATE records SET state = ? WHERE stream = ? AND shard = ? AND number BETWEEN ? AND ? AND state = ?"
        place = where.stream_arn, where.shard_id, _padded(where.first), _padded(where.last)
        with self._lock:
            self._write()
            self._database.execute(update, (Settled.FAILED, *place, Settled.NEITHER))

    def count(self, state: Settled) -> int:
        ((count,),) = self._rows("SELECT count(*) FROM records WHERE state = ?", state)
        return int(count)

    def put_aside(self, since: datetime, *, behind_the_last: bool) -> int:
        """Take out what the mapping may just not have got to; how many.

        Args:
            since: Records as young as this.
            behind_the_last: And those that come, in their shard, after all that is stored or failed.
        """
        young = "written >= ?"
        if behind_the_last:
            last = "SELECT max(number) FROM records o WHERE o.stream = r.stream AND o.shard = r.shard AND o.state > 0"
            young += f" OR number > coalesce(({last}), '')"
        delete = f"DELETE FROM records AS r WHERE state = 0 AND ({young})"  # noqa: S608 - made of constants
        with self._lock:
            self._write()
            return self._database.execute(delete, (int(since.timestamp()),)).rowcount

    def lost(self, most: int) -> list[LostRecord]:
        """Those that are left, the oldest first."""
        query = f"SELECT {_UNSETTLED_COLUMNS} FROM records WHERE state = 0 ORDER BY written, number LIMIT ?"  # noqa: S608
        return [_lost(row) for row in self._rows(query, most)]

    def lost_stretches(self) -> list[StreamRange]:
        """For each shard, from the first to the last of them."""
        query = (
            "SELECT stream, shard, min(number), max(number), min(digits) FROM records WHERE state = 0 "
            "GROUP BY stream, shard ORDER BY stream, shard"
        )
        return [
            StreamRange(arn, shard, int(first), int(last), digits)
            for arn, shard, first, last, digits in self._rows(query)
        ]

    def is_lost(self, where: StreamRange, number: int) -> bool:
        query = "SELECT 1 FROM records WHERE stream = ? AND shard = ? AND number = ? AND state = 0"
        return any(True for _ in self._rows(query, where.stream_arn, where.shard_id, _padded(number)))

    def _rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        with self._lock:
            self._write()
            with closing(self._database.execute(query, values)) as cursor:
                return iter(cursor.fetchall())

    def _write(self) -> None:
        columns = ", ".join("?" * len(_UNSETTLED_COLUMNS.split(",")))
        insert = f"INSERT OR IGNORE INTO records ({_UNSETTLED_COLUMNS}) VALUES ({columns})"  # noqa: S608
        self._database.executemany(insert, self._waiting)
        self._waiting.clear()


def _lost(row: tuple[Any, ...]) -> LostRecord:
    stream, shard, number, digits, event, event_id, keys, written, day, name = row
    moment = datetime.fromtimestamp(written, UTC)
    return LostRecord(
        stream, shard, f"{int(number):0{digits}}", event, event_id, json.loads(keys), moment, f"{day}/{name}"
    )


def _padded(number: int) -> str:
    """In so many digits that the order of texts is that of numbers."""
    return f"{number:0{QUARANTINE_DIGITS}}"
