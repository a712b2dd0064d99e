"""Read one shard of a DynamoDB stream, batch by batch."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipectl.aws.stream_records import EventRecord, event_record

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, invocation payload, synchronous."""
MAX_PAGE = 1000
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html, Limit."""


@dataclass
class Position:
    """The position of a mapping in a shard; kept while the mapping is disabled."""

    after: str | None = None
    """The sequence number of the last record that needs no further invocation."""
    latest: str | None = None
    """The first iterator of a mapping that starts at ``LATEST``, until a record was read."""
    finished: bool = False
    """The shard is closed and was read to its end."""


class ShardReader:
    """Reads on from a position. Records that do not fit into a batch wait for the next one."""

    def __init__(
        self, streams: Any, stream_arn: str, shard_id: str, position: Position, start: str, empty_pages: int = 0
    ) -> None:
        """Prepare to read.

        Args:
            streams: A client of DynamoDB Streams, with the credentials of the function's role.
            stream_arn: The stream.
            shard_id: The shard.
            position: Where to continue.
            start: ``TRIM_HORIZON`` or ``LATEST``: where to begin when the position says nothing.
            empty_pages: The number of empty pages after which there may be records.
        """
        self._streams = streams
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._position = position
        self._start = start
        self._empty_pages = empty_pages
        self._iterator: str | None = None
        self._opened = False
        self._waiting: deque[EventRecord] = deque()

    @property
    def closed(self) -> bool:
        """The shard has no more records and never gets any."""
        return self._opened and self._iterator is None and not self._waiting

    def read(self, count: int) -> list[EventRecord]:
        """Return the next records in the shape of a Lambda event: ``count`` at most, and what fits into an invocation.

        Raises:
            ClientError: The role may not read, or the stream does not exist.
        """
        empty = 0
        while len(self._waiting) < count and empty <= self._empty_pages and self._more():
            empty = 0 if self._fetch(count - len(self._waiting)) else empty + 1
        records: list[EventRecord] = []
        size = 0
        while self._waiting and len(records) < count:
            size += len(json.dumps(self._waiting[0]))
            if records and size > MAX_PAYLOAD_BYTES:
                break
            records.append(self._waiting.popleft())
        return records

    def _more(self) -> bool:
        if not self._opened:
            self._iterator = self._open()
            self._opened = True
        return self._iterator is not None

    def _fetch(self, count: int) -> bool:
        """Read one page; return false when it is empty."""
        try:
            page = self._streams.get_records(ShardIterator=self._iterator, Limit=min(count, MAX_PAGE))
        except ClientError as error:
            if _code(error) not in ("ExpiredIteratorException", "TrimmedDataAccessException") or self._waiting:
                raise
            self._iterator = self._open()
            page = self._streams.get_records(ShardIterator=self._iterator, Limit=min(count, MAX_PAGE))
        self._iterator = page.get("NextShardIterator")
        self._waiting.extend(event_record(record, self._stream_arn) for record in page["Records"])
        return bool(page["Records"])

    def _open(self) -> str | None:
        position = self._position
        if position.after is not None:
            try:
                return self._iterator_of("AFTER_SEQUENCE_NUMBER", SequenceNumber=position.after)
            except ClientError as error:
                if _code(error) != "TrimmedDataAccessException":
                    raise
                return self._iterator_of("TRIM_HORIZON")
        if self._start == "LATEST":
            if position.latest is None or self._opened:
                position.latest = self._iterator_of("LATEST")
            return position.latest
        return self._iterator_of("TRIM_HORIZON")

    def _iterator_of(self, kind: str, **more: str) -> str | None:
        answer = self._streams.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=self._shard_id, ShardIteratorType=kind, **more
        )
        iterator: str | None = answer.get("ShardIterator")
        return iterator


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
