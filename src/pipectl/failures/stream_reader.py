"""Shards of a table's streams; one is read from its oldest record, or between two sequence numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import event_record
from pipectl.errors import AbsentError, AwsError
from pipectl.facts import TableFacts
from pipectl.failures.model import End, Gap, Record, SequenceNumber
from pipectl.timestamps import parse_timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.type_defs import (
        DescribeStreamInputTypeDef,
        GetShardIteratorInputTypeDef,
        ListStreamsInputTypeDef,
        RecordTypeDef,
    )

_MOST_EMPTY_PAGES = 100
"""Empty pages in a row after which an open shard is assumed to have no more records. DynamoDB returns some between
records, too, and names no limit."""
_PAUSE = 0.005
"""Seconds after an empty page, and before an iterator is replaced. Throttled calls are repeated by the client."""
ROUNDING = timedelta(seconds=1)
"""Difference between two times of AWS that mean the same moment."""
_MOST_LOST_ITERATORS = 10
_TRIMMED = "TrimmedDataAccessException"
_EXPIRED_ITERATOR = "ExpiredIteratorException"
_NO_SUCH_NUMBER = "ValidationException"

LOST_ITERATOR = (_TRIMMED, _EXPIRED_ITERATOR)
"""Error codes of a shard for which no iterator works."""


@dataclass(frozen=True)
class Shard:
    """A shard of a stream.

    Attributes:
        stream_arn: The stream.
        shard_id: The shard.
        parent: The shard that was split into this one; it may be gone.
        closed: It gets no more records, as of its listing.
    """

    stream_arn: str
    shard_id: str
    parent: str | None = None
    closed: bool = field(default=False, compare=False)

    @property
    def place(self) -> tuple[str, str]:
        return self.stream_arn, self.shard_id


class StreamReader:
    """Reads one shard: one reading at a time, and not from several threads.

    The last page is kept, because the next range often begins in it.

    Args:
        aws: The account and region of the stream.
        shard: The shard.
        leave: Asked before each page: the rest of the shard need not be read.
    """

    def __init__(self, aws: Aws, shard: Shard, leave: Callable[[], bool] = lambda: False) -> None:
        self._aws = aws
        self._shard = shard
        self._leave = leave
        # the last page: all records of the shard from `_page_first` to the last of `_page`, and the next iterator
        self._page: list[tuple[SequenceNumber, RecordTypeDef]] = []
        self._page_first = 0
        self._iterator: str | None = None
        self._at_horizon = False
        self._trimmed_below = 0
        # the reading: the next number, the text to ask for it, and where the stream last reported trimmed records
        self._expected = 0
        self._written = ""
        self._trimmed_at: int | None = None
        self._ended = False

    def read(
        self, first: SequenceNumber | None = None, last: SequenceNumber | None = None
    ) -> Iterator[Record | Gap | End]:
        """Yield records in order, each once, gaps in their place, and at last the end.

        Args:
            first: The first number; without it the reading begins with the oldest record.
            last: The last number, included; without it an open shard is read until it is silent.

        Raises:
            AwsError: the shard cannot be read; one of `LOST_ITERATOR` when no iterator works.
        """
        self._expected, self._written = (first.value, first.text) if first else (0, "")
        self._trimmed_at, self._ended = None, False
        absent = False
        try:
            for record in self._records(first, last):
                yield from self._gap_before(record, first)
                self._expected, self._written = record.number.value + 1, record.number.text
                yield record
        except AbsentError:  # older than the retention of the stream
            absent = self._ended = True
        if last and self._expected <= last.value:
            yield self._gap_at_the_end(last, absent=absent)
        yield End(self._ended)

    def _records(self, first: SequenceNumber | None, last: SequenceNumber | None) -> Iterator[Record]:
        if not self._is_positioned(first) and not self._find_start(first, last):
            return
        empty = 0
        while True:
            yield from self._expected_records(last)
            self._ended = self._ended or not self._iterator  # a closed shard is read to its end
            empty = 0 if self._page else empty + 1
            if self._ended or empty >= _MOST_EMPTY_PAGES or self._leave():
                return
            if empty:
                self._aws.clock.sleep(_PAUSE)
            self._fetch()

    def _expected_records(self, last: SequenceNumber | None) -> Iterator[Record]:
        """Yield the records of the page that have not been read."""
        for number, raw in self._page:
            if number.value < self._expected:
                if self._trimmed_at == self._expected:
                    self._trimmed_at = None  # older records remain, so this number never existed
                continue
            if self._trimmed_at == self._expected < number.value:  # the oldest record that is left
                self._trimmed_below = max(self._trimmed_below, number.value)
            if last is None or number <= last:
                yield Record(number, event_record(raw, self._shard.stream_arn))
            if last and number >= last:
                self._ended = True
                return

    def _gap_before(self, record: Record, first: SequenceNumber | None) -> Iterator[Gap]:
        number, expected = record.number.value, self._expected
        if number == expected:
            return
        if self._trimmed_at == expected and expected:
            yield Gap(expected, number - 1, trimmed_to=number - 1)
        elif first and expected == first.value:
            yield Gap(expected, number - 1)

    def _gap_at_the_end(self, last: SequenceNumber, *, absent: bool) -> Gap:
        """Return the numbers that did not come. Only what the stream reports as trimmed is proven to be gone."""
        expected = self._expected
        if absent:
            return Gap(expected, last.value, trimmed_to=last.value)
        if self._trimmed_at != expected:
            return Gap(expected, last.value)
        self._ended = self._ended or self._is_trimmed(last)
        return Gap(expected, last.value, trimmed_to=last.value if self._ended else expected)

    def _is_positioned(self, first: SequenceNumber | None) -> bool:
        return bool(first and self._page) and self._page_first <= self._expected <= self._page[-1][0].value

    def _find_start(self, first: SequenceNumber | None, last: SequenceNumber | None) -> bool:
        """Get the first page. False when all of the range is trimmed."""
        if last and last.value < self._trimmed_below:
            self._trimmed_at, self._ended = self._expected, True
            return False
        if first is None:
            self._open_at_horizon()
        elif not self._open():
            if last and (first == last or self._is_trimmed(last)):
                self._trimmed_below, self._ended = max(self._trimmed_below, last.value + 1), True
                return False
            self._open_at_horizon()
        self._fetch()
        return True

    def _fetch(self) -> None:
        """Get the next page; replace the iterator when it is lost."""
        for _ in range(_MOST_LOST_ITERATORS):
            self._aws.clock.sleep(0)  # raises after Ctrl-C
            try:
                answer = self._aws.streams.get_records(ShardIterator=self._iterator or "")
            except AwsError as error:
                if error.aws_code not in LOST_ITERATOR:
                    raise
                lost = error
                self._replace_iterator(error.aws_code)
                self._aws.clock.sleep(_PAUSE)
                continue
            records = [(SequenceNumber.of(raw), raw) for raw in answer["Records"]]
            self._page_first = records[0][0].value if self._at_horizon and records else self._expected
            self._at_horizon = self._at_horizon and not records
            self._page, self._iterator = records, answer.get("NextShardIterator")
            return
        raise lost

    def _replace_iterator(self, aws_code: str) -> None:
        if aws_code == _TRIMMED:  # the horizon has moved on since the iterator was made
            self._trimmed_at = self._expected
            self._open_at_horizon()
        elif not self._written or not self._open():  # an iterator lasts 15 minutes
            self._open_at_horizon()

    def _open(self) -> bool:
        """Get an iterator at the record expected, or at the last one that came. False when it is trimmed."""
        try:
            iterator = self._ask_iterator(self._written)
        except AwsError as error:
            if error.aws_code == _TRIMMED:
                self._trimmed_at = self._expected
                return False
            if error.aws_code != _NO_SUCH_NUMBER:
                raise
            self._open_at_horizon()
        else:
            self._page, self._page_first, self._iterator, self._at_horizon = [], self._expected, iterator, False
        return True

    def _open_at_horizon(self) -> None:
        self._page, self._page_first, self._iterator, self._at_horizon = [], 0, self._ask_iterator(), True

    def _is_trimmed(self, number: SequenceNumber) -> bool:
        """Ask the stream whether it has trimmed a sequence number."""
        try:
            self._ask_iterator(number.text)
        except AbsentError:
            return True
        except AwsError as error:
            if error.aws_code not in (_TRIMMED, _NO_SUCH_NUMBER):
                raise
            return error.aws_code == _TRIMMED
        return False

    def _ask_iterator(self, text: str = "") -> str:
        request: GetShardIteratorInputTypeDef = {
            "StreamArn": self._shard.stream_arn,
            "ShardId": self._shard.shard_id,
            "ShardIteratorType": "AT_SEQUENCE_NUMBER" if text else "TRIM_HORIZON",
        }
        if text:
            request["SequenceNumber"] = text
        return self._aws.streams.get_shard_iterator(**request)["ShardIterator"]


def shards_of(aws: Aws, table: str, facts: TableFacts) -> list[Shard]:
    """Return every shard of a table's streams; a stream that was switched off can be read for another 24 hours.

    DynamoDB lists for 24 hours also the streams of a deleted table of this name. These are left out: their orders were
    deleted.

    Args:
        aws: The table's account and region.
        table: Its physical name.
        facts: Its stream, and the time of its creation.
    """
    current = facts.require_stream()
    arns = {current: None}
    request: ListStreamsInputTypeDef = {"TableName": table}
    while True:
        answer = aws.streams.list_streams(**request)
        listed = (stream["StreamArn"] for stream in answer.get("Streams", []))
        arns |= dict.fromkeys(arn for arn in listed if not _is_of_deleted_table(arn, facts.created_at))
        if not (last := answer.get("LastEvaluatedStreamArn")):
            return [shard for arn in arns for shard in shards_of_stream(aws, arn, must_exist=arn == current)]
        request["ExclusiveStartStreamArn"] = last


def _is_of_deleted_table(stream_arn: str, created_at: datetime | None) -> bool:
    """Return whether a stream's label, the time when it was enabled, lies before the creation of its table."""
    enabled_at = parse_timestamp(stream_arn.rpartition("/stream/")[2])
    return bool(enabled_at and created_at and enabled_at < created_at - ROUNDING)


def shards_of_stream(aws: Aws, stream_arn: str, *, must_exist: bool = True) -> Iterator[Shard]:
    """Yield every shard of one stream; none of a stream that is gone and need not exist."""
    request: DescribeStreamInputTypeDef = {"StreamArn": stream_arn}
    while True:
        try:
            stream = aws.streams.describe_stream(**request)["StreamDescription"]
        except AbsentError:
            if must_exist:
                raise
            return
        for shard in stream.get("Shards", []):
            closed = "EndingSequenceNumber" in shard.get("SequenceNumberRange", {})
            yield Shard(stream_arn, shard["ShardId"], shard.get("ParentShardId"), closed)
        if not (last := stream.get("LastEvaluatedShardId")):
            return
        request["ExclusiveStartShardId"] = last
