"""Get the records of a stretch of a shard back: from the stream, and what it has forgotten from the quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord, kept_record, sequence_number
from pipectl.errors import AwsError
from pipectl.failures.objects import QUARANTINE_DIGITS
from pipectl.failures.ranges import Span
from pipectl.failures.shard import Passage, Shard

REPLAYED_EVENTS = ("INSERT", "MODIFY")


@dataclass
class Reading:
    """What became of a reading; filled while its records are taken.

    Attributes:
        gaps: Stretches that the stream has proved to have forgotten; the quarantine was asked for them.
        complete: The reading came to the end of the stretch: what did not come is not there. Else the stream only
            answered empty pages, which proves nothing.
        came: The ends of the failures' ranges that were met, whatever kind of record they are.
        damaged: Places that hold what is no stream record.
        from_quarantine: The record taken last came from there.
    """

    gaps: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = False
    came: set[int] = field(default_factory=set)
    damaged: list[str] = field(default_factory=list)
    from_quarantine: bool = False

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

    def shard(self, span: Span) -> Shard:
        """The shard of a stretch, to read several stretches of it with fewer calls."""
        return Shard(self._aws, span.stream_arn, span.shard_id)

    def read(self, span: Span, reading: Reading, shard: Shard | None = None) -> Iterator[EventRecord]:
        """The inserts and updates of a stretch, in order, each once."""
        ends = {end for where, _ in span.failures for end in (where.first, where.last)}
        for record in self._all(span, reading, shard or self.shard(span)):
            number = sequence_number(record)
            if number in ends:
                reading.came.add(number)
            if record.get("eventName") in REPLAYED_EVENTS:
                yield record

    def _all(self, span: Span, reading: Reading, shard: Shard) -> Iterator[EventRecord]:
        """Follow the shard. At its beginning, where it has forgotten something, and at its end: ask the quarantine."""
        expected, passage = span.first, Passage()
        for record in shard.records(span.first, span.last, passage, span.digits):
            number = sequence_number(record)
            forgotten = passage.trimmed_at == expected
            if number > expected and (forgotten or expected == span.first):
                if forgotten:
                    reading.gaps.append((expected, number - 1))
                yield from self._quarantined(span, expected, number - 1, reading)
            reading.from_quarantine = False
            expected = number + 1
            reading.complete = number == span.last
            yield record
        reading.complete = passage.ended
        if expected <= span.last:
            self._note_gap(expected, span, passage, reading, shard)
            yield from self._quarantined(span, expected, span.last, reading)

    @staticmethod
    def _note_gap(expected: int, span: Span, passage: Passage, reading: Reading, shard: Shard) -> None:
        """Only what the stream has said is gone counts as forgotten. From an open shard, silence says nothing."""
        if passage.absent:
            reading.gaps.append((expected, span.last))
        elif passage.trimmed_at == expected:
            proved = passage.ended or shard.is_trimmed(span.last, span.digits)
            reading.gaps.append((expected, span.last if proved else expected))
            reading.complete = proved

    def _quarantined(self, span: Span, first: int, last: int, reading: Reading) -> Iterator[EventRecord]:
        reading.from_quarantine = True
        folder = f"{self._failed_prefix}/{span.stream_arn.split('/stream/')[1]}/"
        keys = (
            iter([f"{folder}{first:0{QUARANTINE_DIGITS}}.json"]) if first == last else self._keys(folder, first, last)
        )
        for key in keys:
            body = self._body(key)
            if body is None:
                continue
            record = kept_record(body)
            if record and first <= sequence_number(record) <= last:
                yield record
            else:
                reading.damaged.append(f"s3://{self._bucket}/{key} is not the record that its name says")

    def _keys(self, folder: str, first: int, last: int) -> Iterator[str]:
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=folder,
            StartAfter=f"{folder}{max(first - 1, 0):0{QUARANTINE_DIGITS}}.json",
            ExpectedBucketOwner=self._aws.account_id,
        )
        end = f"{folder}{last:0{QUARANTINE_DIGITS}}.json"
        for page in pages:
            for entry in page.get("Contents", []):
                if entry["Key"] > end:
                    return
                yield entry["Key"]

    def _body(self, key: str) -> bytes | None:
        """An object's content; ``None`` when there is none of that name."""
        try:
            answer = self._aws.s3.get_object(Bucket=self._bucket, Key=key, ExpectedBucketOwner=self._aws.account_id)
        except AwsError as error:
            if error.aws_code == "NoSuchKey":
                return None
            raise
        return answer["Body"].read()
