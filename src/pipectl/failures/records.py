"""Get the records of a stretch of a shard back: from the stream, and what it has forgotten from the quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipectl.aws import Aws
from pipectl.errors import AbsentError, AwsError
from pipectl.failures.ranges import Span
from pipectl.stream_records import EventRecord, event_record, sequence_number

DIGITS = 40
"""The longest sequence number. Quarantined records are named by theirs in as many digits, so that names sort."""

REPLAYED_EVENTS = ("INSERT", "MODIFY")
_PAUSE_AFTER_EMPTY = 0.25
_MOST_EMPTY_PAGES = 40
_TRIMMED = "TrimmedDataAccessException"
_EXPIRED_ITERATOR = "ExpiredIteratorException"


@dataclass
class Reading:
    """What became of a reading; filled while its records are taken.

    Attributes:
        gaps: Stretches that the stream has forgotten; the quarantine was asked for them.
        complete: The reading came to the end of the stretch: what did not come is not there. Else the stream only
            answered empty pages, which proves nothing.
    """

    gaps: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = False

    def forgot(self, number: int) -> bool:
        """Whether the stream has said that this sequence number is gone."""
        return any(first <= number <= last for first, last in self.gaps)


class RecordReader:
    """Reads stretches.

    Args:
        aws: Where the stream and the bucket are.
        bucket: The bucket with the quarantine.
        failed_prefix: The quarantine's prefix in it.
    """

    def __init__(self, aws: Aws, bucket: str, failed_prefix: str) -> None:
        self._aws = aws
        self._bucket = bucket
        self._failed_prefix = failed_prefix

    def read(self, span: Span, reading: Reading) -> Iterator[EventRecord]:
        """The inserts and updates of a stretch, in order, each once."""
        for record in self._from_stream(span, reading):
            if record.get("eventName") in REPLAYED_EVENTS:
                yield record

    def _from_stream(self, span: Span, reading: Reading) -> Iterator[EventRecord]:
        """Follow the shard; at each place where it has forgotten something, go to the quarantine for that."""
        expected = span.first
        try:
            for number, record in self._pages(span, reading):
                if reading.gaps and reading.gaps[-1][0] == expected and number > expected:
                    yield from self._forgotten(span, reading, expected, min(number - 1, span.last))
                if number > span.last:
                    break
                if number >= span.first:
                    yield record
                expected = max(expected, number + 1)
        except AbsentError:  # the stream, or the shard, is older than the stream's memory
            reading.gaps.append((expected, span.last))
            reading.complete = True
        if reading.gaps and reading.gaps[-1][0] == expected <= span.last:
            yield from self._forgotten(span, reading, expected, span.last)

    def _forgotten(self, span: Span, reading: Reading, first: int, last: int) -> Iterator[EventRecord]:
        reading.gaps[-1] = (first, last)
        yield from self._quarantined(span, first, last)

    def _pages(self, span: Span, reading: Reading) -> Iterator[tuple[int, EventRecord]]:
        """Page by page to the end of the stretch. An empty page is not the end, says DynamoDB."""
        start, empty = span.first, 0
        iterator = self._iterator(span, reading, start)
        while iterator and empty < _MOST_EMPTY_PAGES:
            try:
                page = self._aws.streams.get_records(ShardIterator=iterator)
            except AwsError as error:
                if error.aws_code not in (_EXPIRED_ITERATOR, _TRIMMED):
                    raise
                iterator = self._iterator(span, reading, start)  # it lasts 15 minutes, and the horizon moves on
                continue
            for raw in page["Records"]:
                record = event_record(raw, span.stream_arn)
                start = sequence_number(record) + 1
                reading.complete = reading.complete or start > span.last
                yield start - 1, record
            if reading.complete:
                return
            empty = 0 if page["Records"] else empty + 1
            if empty:
                self._aws.clock.sleep(_PAUSE_AFTER_EMPTY)
            iterator = page.get("NextShardIterator")
        reading.complete = not iterator  # a closed shard has been read to its end

    def _iterator(self, span: Span, reading: Reading, start: int) -> str | None:
        """At a sequence number; where that is trimmed, at the oldest record there is."""
        where: dict[str, Any] = {"StreamArn": span.stream_arn, "ShardId": span.shard_id}
        at, after = ("AT", start) if start == span.first else ("AFTER", start - 1)
        try:
            answer = self._aws.streams.get_shard_iterator(
                **where,
                ShardIteratorType=f"{at}_SEQUENCE_NUMBER",  # type: ignore[arg-type]
                SequenceNumber=self._written(span, after),
            )
        except AwsError as error:
            if error.aws_code != _TRIMMED:
                raise
            reading.gaps.append((start, start))
            answer = self._aws.streams.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
        return answer.get("ShardIterator")

    @staticmethod
    def _written(span: Span, number: int) -> str:
        """As DynamoDB writes it: with the leading zeros that the audited range has."""
        return f"{number:0{span.digits}}"

    def _quarantined(self, span: Span, first: int, last: int) -> Iterator[EventRecord]:
        folder = f"{self._failed_prefix}/{span.stream_arn.split('/stream/')[1]}/"
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=folder,
            StartAfter=f"{folder}{first - 1:0{DIGITS}}.json",
            ExpectedBucketOwner=self._aws.account_id,
        )
        end = f"{folder}{last:0{DIGITS}}.json"
        for page in pages:
            for entry in page.get("Contents", []):
                if entry["Key"] > end:
                    return
                answer = self._aws.s3.get_object(
                    Bucket=self._bucket, Key=entry["Key"], ExpectedBucketOwner=self._aws.account_id
                )
                yield json.loads(answer["Body"].read())
