"""One shard of a stream, read by sequence number: what AWS says of it, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord, event_record, sequence_number
from pipectl.errors import AbsentError, AwsError

SHORTEST = 21
"""Digits of the shortest sequence number that the API takes."""

_PAUSE_AFTER_EMPTY = 0.2
_MOST_EMPTY_PAGES = 100
_MOST_LOST_ITERATORS = 10
_TRIMMED = "TrimmedDataAccessException"
_EXPIRED_ITERATOR = "ExpiredIteratorException"
_NO_SUCH_NUMBER = "ValidationException"


@dataclass
class Passage:
    """What became of one way through a shard; filled on the way.

    Attributes:
        trimmed_at: Where the stream last said that it has forgotten what comes next.
        ended: The way came to its end, or the shard did: what did not come is not there. Else the stream only answered
            empty pages, which proves nothing.
        absent: The stream, or the shard, is not there: older than the stream's memory.
    """

    trimmed_at: int | None = None
    ended: bool = False
    absent: bool = False


@dataclass
class _Page:
    """The last page: every record of the shard from ``first`` to the last of ``records``, and how to go on.

    ``horizon`` says that it begins, or will begin, with the oldest record there is.
    """

    first: int
    records: list[tuple[int, Any]] = field(default_factory=list)
    iterator: str | None = None
    horizon: bool = False

    def holds(self, number: int) -> bool:
        return bool(self.records) and self.first <= number <= self.records[-1][0]


class Shard:
    """Reads stretches of a shard. The last page is kept, for the next stretch often lies in it. Not for two threads.

    Args:
        aws: Where the stream is.
        stream_arn: The stream.
        shard_id: The shard.
    """

    def __init__(self, aws: Aws, stream_arn: str, shard_id: str) -> None:
        self._aws = aws
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._page = _Page(0)
        self._gone_below = 0
        """The stream has proved that it has forgotten everything before this number."""

    def records(self, first: int, last: int, passage: Passage, digits: int = SHORTEST) -> Iterator[EventRecord]:
        """The records from ``first`` to ``last``, both included.

        ``digits`` is how many the numbers are written with: the API takes them only as DynamoDB writes them.
        """
        if last < self._gone_below:
            passage.trimmed_at, passage.ended = first, True
            return
        try:
            if not self._page.holds(first):
                if not self._open(first, f"{first:0{digits}}", passage):
                    if first == last or self.is_trimmed(last, digits):
                        self._gone_below, passage.ended = max(self._gone_below, last + 1), True
                        return
                    self._open_at_horizon()
                self._fetch(first, "", passage, digits)
            for number, raw in self._on_from(first, passage, digits):
                if number <= last:
                    yield event_record(raw, self._stream_arn)
                if number >= last:
                    passage.ended = True
                    return
        except AbsentError:
            passage.absent = passage.ended = True

    def is_trimmed(self, number: int, digits: int = SHORTEST) -> bool:
        """Ask the stream outright whether it has forgotten a sequence number."""
        try:
            self._ask_iterator("AT_SEQUENCE_NUMBER", f"{number:0{digits}}")
        except AbsentError:
            return True
        except AwsError as error:
            if error.aws_code not in (_TRIMMED, _NO_SUCH_NUMBER):
                raise
            return error.aws_code == _TRIMMED
        return False

    def _on_from(self, first: int, passage: Passage, digits: int) -> Iterator[tuple[int, Any]]:
        """The records from ``first`` on, the page at hand included. An empty page is not the end, says DynamoDB."""
        expected, written, empty = first, "", 0
        while True:
            for number, raw in self._page.records:
                if number >= expected:
                    self._note_horizon(number, passage)
                    expected, written = number + 1, raw["dynamodb"]["SequenceNumber"]
                    yield number, raw
                elif passage.trimmed_at == expected:
                    passage.trimmed_at = None  # older ones are still there: this number never was
            if not self._page.iterator:
                passage.ended = True  # the shard is closed, and read to its end
                return
            empty = 0 if self._page.records else empty + 1
            if empty >= _MOST_EMPTY_PAGES:
                return
            if empty:
                self._aws.clock.sleep(_PAUSE_AFTER_EMPTY)
            self._fetch(expected, written, passage, digits)

    def _note_horizon(self, number: int, passage: Passage) -> None:
        if passage.trimmed_at is not None and passage.trimmed_at < number:
            self._gone_below = max(self._gone_below, number)

    def _fetch(self, expected: int, written: str, passage: Passage, digits: int) -> None:
        """Get the next page; open a new iterator where the old one is of no use any more."""
        for _ in range(_MOST_LOST_ITERATORS):
            self._aws.clock.sleep(0)  # raises once the user has pressed Ctrl-C
            try:
                answer = self._aws.streams.get_records(ShardIterator=self._page.iterator or "")
            except AwsError as error:
                if error.aws_code == _EXPIRED_ITERATOR:  # it lasts 15 minutes
                    if not self._open(expected, written or f"{expected:0{digits}}", passage):
                        self._open_at_horizon()
                elif error.aws_code == _TRIMMED:  # the horizon has moved on since the iterator was made
                    passage.trimmed_at = expected
                    self._open_at_horizon()
                else:
                    raise
                lost = error
                self._aws.clock.sleep(_PAUSE_AFTER_EMPTY)
                continue
            records: list[tuple[int, Any]] = [(sequence_number(raw), raw) for raw in answer["Records"]]
            at_horizon = self._page.horizon
            first = records[0][0] if at_horizon and records else expected
            self._page = _Page(first, records, answer.get("NextShardIterator"), at_horizon and not records)
            return
        raise lost

    def _open(self, expected: int, written: str, passage: Passage) -> bool:
        """Get an iterator at a record: the one expected, or the last that came. False when it is forgotten."""
        try:
            iterator = self._ask_iterator("AT_SEQUENCE_NUMBER", written)
        except AwsError as error:
            if error.aws_code == _TRIMMED:
                passage.trimmed_at = expected
                return False
            if error.aws_code != _NO_SUCH_NUMBER:
                raise
            self._open_at_horizon()
        else:
            self._page = _Page(expected, iterator=iterator)
        return True

    def _open_at_horizon(self) -> None:
        self._page = _Page(0, iterator=self._ask_iterator("TRIM_HORIZON"), horizon=True)

    def _ask_iterator(self, kind: Any, written: str = "") -> str:
        request: dict[str, Any] = {"SequenceNumber": written} if written else {}
        answer = self._aws.streams.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=self._shard_id, ShardIteratorType=kind, **request
        )
        return answer["ShardIterator"]
