"""Records of the stream compared with objects and failures, in an index on disk.

A day of the stream can hold millions of records, and the bucket as many objects. The index is a temporary database,
which is deleted when it is closed; memory holds a page of it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AbsentError
from pipectl.failures.model import (
    LONGEST_NUMBER,
    Failure,
    Record,
    SequenceNumber,
    StreamRange,
    day_of,
    object_name,
    written_at,
)
from pipectl.failures.record_reader import RecordReader
from pipectl.failures.stream_reader import Shard

_ROWS_AT_ONCE = 1000
_ASKED_FOR = 20
"""Objects of one place that are asked for one by one; a day has 16 places, the first digits of the names."""
_ROUNDING = timedelta(seconds=1)
"""Times of stream records are cut to the second."""
_SCHEMA = """
CREATE TABLE records (
    stream TEXT, shard TEXT, number TEXT, written_number TEXT, event TEXT, id TEXT, keys TEXT, written INTEGER,
    day TEXT, name TEXT, state INTEGER, PRIMARY KEY (stream, shard, number)
) WITHOUT ROWID;
CREATE INDEX objects ON records (day, name);
"""
_COLUMNS = "stream, shard, number, written_number, event, id, keys, written, day, name, state"


class RecordState(IntEnum):
    """State of a record: the processor has stored it, a failure covers it, or neither; others are not checked."""

    LOST = 0
    FAILED = 1
    STORED = 2
    UNCHECKED = 3


@dataclass(frozen=True)
class LostRecord:
    """A record that has neither an object nor a failure.

    Attributes:
        stream_arn: Its stream.
        shard_id: Its shard.
        sequence_number: Its number.
        event_name: ``INSERT`` or ``MODIFY``.
        event_id: The stream's id of it.
        keys: The order's keys, in DynamoDB's typed form.
        written_at: The time when the order was written.
        object_name: ``<day>/<name>``, the place of its object under the prefix.
    """

    stream_arn: str
    shard_id: str
    sequence_number: SequenceNumber
    event_name: str
    event_id: str
    keys: object
    written_at: datetime
    object_name: str

    @property
    def trimmed_at(self) -> datetime:
        """The time at which the stream trims it: a repair must come before."""
        return self.written_at + STREAM_RETENTION


class VerificationIndex:
    """An index that gets records, then objects and failures, and then lists the lost records. Safe for several threads.

    Sequence numbers are padded, so that they sort as text in the order of numbers.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.executescript(_SCHEMA)
        self._waiting: list[tuple[object, ...]] = []

    def close(self) -> None:
        self._database.close()

    def add(self, shard: Shard, record: Record, state: RecordState = RecordState.LOST) -> None:
        """Add a record of the stream, as lost until it is marked; a record that is added twice counts once."""
        event = record.event
        row = (
            shard.stream_arn,
            shard.shard_id,
            record.number.padded,
            record.number.text,
            event["eventName"],
            event.get("eventID", ""),
            json.dumps(event["dynamodb"].get("Keys", {})),
            int(written_at(event).timestamp()),
            day_of(event),
            object_name(event),
            state,
        )
        with self._lock:
            self._waiting.append(row)
            if len(self._waiting) >= _ROWS_AT_ONCE:
                self._write()

    def oldest(self) -> datetime | None:
        """Return when the oldest record was written, of any state."""
        ((written,),) = self._rows("SELECT min(written) FROM records")
        return None if written is None else datetime.fromtimestamp(int(str(written)), UTC)

    def oldest_lost(self) -> datetime | None:
        """Return when the oldest lost record was written."""
        ((written,),) = self._rows("SELECT min(written) FROM records WHERE state = 0")
        return None if written is None else datetime.fromtimestamp(int(str(written)), UTC)

    def places(self) -> dict[tuple[str, str], int]:
        """Return where objects are to be looked for: day and first character of the names, with their number."""
        query = "SELECT day, substr(name, 1, 1), count(*) FROM records WHERE state = 0 GROUP BY 1, 2 ORDER BY 1, 2"
        return {(str(day), str(first)): int(str(count)) for day, first, count in self._rows(query)}

    def names(self, day: str, first: str) -> list[str]:
        """Return the names of the objects to be looked for in one place."""
        query = "SELECT name FROM records WHERE state = 0 AND day = ? AND substr(name, 1, 1) = ?"
        return [str(name) for (name,) in self._rows(query, day, first)]

    def next_name(self, day: str, after: str) -> str | None:
        """Return the first name behind another one of an object of this day that is to be looked for."""
        query = "SELECT name FROM records WHERE state = 0 AND day = ? AND name > ? ORDER BY name LIMIT 1"
        return next((str(name) for (name,) in self._rows(query, day, after)), None)

    def mark_stored(self, day: str, names: Iterable[str]) -> None:
        """Mark the records whose objects were found in the folder of a day."""
        update = "UPDATE records SET state = ? WHERE day = ? AND name = ? AND state IN (0, 1)"
        with self._lock:
            self._write()
            self._database.executemany(update, ((RecordState.STORED, day, name) for name in names))

    def mark_failed(self, failure: Failure) -> None:
        """Mark the records without an object that a failure covers.

        They lie in its range, were written when its records were, and are among those that it names after a replay.
        A range whose ends are not records of the stream covers nothing.
        """
        where, arrival = failure.range, failure.arrival
        if where is None or arrival is None or not self._has_ends(where):
            return
        update = (
            "UPDATE records SET state = ? WHERE stream = ? AND shard = ? AND number BETWEEN ? AND ? "
            "AND written BETWEEN ? AND ? AND state = ?"
        )
        times = [int((arrival[0] - _ROUNDING).timestamp()), int((arrival[1] + _ROUNDING).timestamp())]
        named = failure.failing_numbers
        ranges = (
            [(where.first, where.last)] if named is None else [(each, each) for each in named if where.covers(each)]
        )
        place = where.stream_arn, where.shard_id
        with self._lock:
            self._write()
            for first, last in ranges:
                values = (RecordState.FAILED, *place, first.padded, last.padded, *times, RecordState.LOST)
                self._database.execute(update, values)

    def _has_ends(self, where: StreamRange) -> bool:
        """Return whether both ends of a range are records; the first one may be older than all that the stream has."""
        place = where.stream_arn, where.shard_id
        query = "SELECT number FROM records WHERE stream = ? AND shard = ? AND number IN (?, ?)"
        first, last = where.first.padded, where.last.padded
        found = {number for (number,) in self._rows(query, *place, first, last)}
        if last not in found or first in found:
            return last in found
        ((oldest,),) = self._rows("SELECT min(number) FROM records WHERE stream = ? AND shard = ?", *place)
        return first < str(oldest)

    def count(self, state: RecordState) -> int:
        ((count,),) = self._rows("SELECT count(*) FROM records WHERE state = ?", state)
        return int(str(count))

    def remove_pending(self, since: datetime | None) -> int:
        """Remove what the mapping may not have read yet; return how many records.

        Args:
            since: Remove records written at this time or later; ``None`` for all that are neither stored nor failed.
        """
        start = int(since.timestamp()) if since else 0
        with self._lock:
            self._write()
            return self._database.execute("DELETE FROM records WHERE state = 0 AND written >= ?", (start,)).rowcount

    def lost(self, most: int) -> list[LostRecord]:
        """Return the lost records, the oldest first."""
        query = f"SELECT {_COLUMNS} FROM records WHERE state = 0 ORDER BY written, number LIMIT ?"  # noqa: S608
        return [_lost(row) for row in self._rows(query, most)]

    def lost_ranges(self) -> list[StreamRange]:
        """Return for each shard the range from the first to the last lost record."""
        query = (
            "SELECT stream, shard, min(number || written_number), max(number || written_number) FROM records "
            "WHERE state = 0 GROUP BY stream, shard ORDER BY stream, shard"
        )
        return [
            StreamRange(str(arn), str(shard), _number(first), _number(last))
            for arn, shard, first, last in self._rows(query)
        ]

    def is_lost(self, where: StreamRange, number: SequenceNumber) -> bool:
        query = "SELECT 1 FROM records WHERE stream = ? AND shard = ? AND number = ? AND state = 0"
        return bool(self._rows(query, where.stream_arn, where.shard_id, number.padded))

    def _rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with self._lock:
            self._write()
            with closing(self._database.execute(query, values)) as cursor:
                return cursor.fetchall()

    def _write(self) -> None:
        columns = ", ".join("?" * len(_COLUMNS.split(",")))
        insert = f"INSERT OR IGNORE INTO records ({_COLUMNS}) VALUES ({columns})"  # noqa: S608
        self._database.executemany(insert, self._waiting)
        self._waiting.clear()


def find_objects(
    aws: Aws, bucket: str, prefix: str, index: VerificationIndex, cancel: Callable[[], None] = lambda: None
) -> None:
    """Mark the records that have an object. Objects are listed in parallel, or asked for one by one where few are.

    A listing jumps over the objects between two records that are looked for.

    Raises:
        CancelledError: the user pressed Ctrl-C.
        AwsError: the bucket cannot be read.
    """
    counts = index.places()
    places = {f"{prefix}/{day}/{first}": (day, first) for day, first in counts}

    def find(start: str) -> None:
        day, first = places[start]
        folder = f"{prefix}/{day}/"
        if counts[day, first] <= _ASKED_FOR:
            index.mark_stored(day, [name for name in index.names(day, first) if _exists(aws, bucket, folder + name)])
            return
        after = ""
        while (name := index.next_name(day, after or first)) and name.startswith(first):
            aws.clock.sleep(0)  # raises after Ctrl-C
            page = aws.s3.list_objects_v2(
                Bucket=bucket, Prefix=start, StartAfter=f"{folder}{name[:-1]}", ExpectedBucketOwner=aws.account_id
            )
            found = [entry["Key"].removeprefix(folder) for entry in page.get("Contents", [])]
            index.mark_stored(day, found)
            if not page["IsTruncated"]:
                return
            after = max(found[-1], name)

    parallel_map(find, places, cancel=cancel).require_done("interrupted while looking for objects")


def _exists(aws: Aws, bucket: str, key: str) -> bool:
    aws.clock.sleep(0)  # raises after Ctrl-C
    try:
        aws.s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=aws.account_id)
    except AbsentError:
        return False
    return True


def read_lost(reader: RecordReader, index: VerificationIndex) -> Iterator[Record]:
    """Read the lost records once more; what the stream has trimmed meanwhile may be in the quarantine."""
    for where in index.lost_ranges():
        for reading in reader.read(where):
            if isinstance(reading, Record) and index.is_lost(where, reading.number):
                yield reading


def _lost(row: tuple[object, ...]) -> LostRecord:
    stream, shard, number, text, event, event_id, keys, written, day, name, _ = map(str, row)
    time = datetime.fromtimestamp(int(written), UTC)
    number_ = SequenceNumber(int(number), text)
    return LostRecord(stream, shard, number_, event, event_id, json.loads(keys), time, f"{day}/{name}")


def _number(padded_and_written: object) -> SequenceNumber:
    """Split a padded number, which has 40 digits, from the written form behind it."""
    text = str(padded_and_written)[LONGEST_NUMBER:]
    return SequenceNumber(int(text), text)
