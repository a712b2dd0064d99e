"""Records of a stream range: from the stream, and where it does not deliver them, from the quarantine."""

from __future__ import annotations

from collections.abc import Iterator

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import kept_record
from pipectl.errors import AwsError
from pipectl.failures.model import Damage, Gap, Reading, Record, StreamRange, quarantine_folder
from pipectl.failures.quarantine import number_of, object_at, object_name
from pipectl.failures.stream_reader import Shard, StreamReader

_ONE_OBJECT = ("InvalidObjectState", "KMS.")
"""Beginnings of error codes of S3 that concern one object: it is archived, or its key is gone."""


class RecordReader:
    """Reads ranges.

    Args:
        aws: The account and region of stream and bucket.
        bucket: The bucket with the quarantine.
        failed_prefix: The quarantine's prefix in it.
    """

    def __init__(self, aws: Aws, bucket: str, failed_prefix: str) -> None:
        self._aws = aws
        self._bucket = bucket
        self._failed_prefix = failed_prefix

    def stream(self, where: StreamRange) -> StreamReader:
        """Return the reader of a range's shard, to read several ranges of it with fewer calls."""
        return StreamReader(self._aws, Shard(where.stream_arn, where.shard_id))

    def read(self, where: StreamRange, stream: StreamReader | None = None) -> Iterator[Reading]:
        """Yield the records of a range in order, each once; after each gap what the quarantine has of it."""
        for reading in (stream or self.stream(where)).read(where.first, where.last):
            yield reading
            if isinstance(reading, Gap):
                yield from self._quarantined(quarantine_folder(self._failed_prefix, where.stream_arn), reading)

    def _quarantined(self, folder: str, gap: Gap) -> Iterator[Record | Damage]:
        single = gap.first == gap.last
        for key in iter([object_name(folder, gap.first)]) if single else self._keys(folder, gap):
            try:
                body = self._body(key)
            except AwsError as error:
                if not error.aws_code.startswith(_ONE_OBJECT):
                    raise
                yield Damage(f"s3://{self._bucket}/{key} cannot be read: {error.message}", number_of(key))
                continue
            if body is None:
                continue
            kept = kept_record(body)
            record = Record.of(kept.event, from_quarantine=True, cause=kept.cause) if kept else None
            if record and record.is_replayed and record.number.value == number_of(key):
                yield record
            else:
                yield Damage(f"s3://{self._bucket}/{key} does not hold the record of its name", number_of(key))

    def _keys(self, folder: str, gap: Gap) -> Iterator[str]:
        pages = self._aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=f"{folder}/",
            StartAfter=object_name(folder, max(gap.first - 1, 0)),
            ExpectedBucketOwner=self._aws.account_id,
        )
        end = object_name(folder, gap.last)
        for page in pages:
            for entry in page.get("Contents", []):
                if entry["Key"] > end:
                    return
                yield entry["Key"]

    def _body(self, key: str) -> bytes | None:
        """Return an object's content; ``None`` when no object has this key."""
        answer = object_at(self._aws, self._bucket, key)
        return answer["Body"].read() if answer else None
