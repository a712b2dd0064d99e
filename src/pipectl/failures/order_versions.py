"""Versions of one order: records of the stream, each with its object, its quarantine object and its failures."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import Cause, Kept, kept_record
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AwsError
from pipectl.failures.model import (
    Failure,
    Record,
    StreamRange,
    audit_id_of,
    object_key,
    quarantine_key,
    written_at,
)
from pipectl.failures.stream_reader import Shard
from pipectl.timestamps import parse_timestamp

MOST_VERSIONS = 200
"""Versions that are followed, the newest ones."""
_SETS = ("SS", "NS", "BS")


@dataclass
class Version:
    """A stream record of the order.

    Attributes:
        shard: Its shard.
        record: The record.
        stored: The time when the processor stored it.
        quarantined: The time when the processor failed on it first.
        cause: The first failure, where the quarantine has it.
        failures: The audit items whose range covers it. A range can cover a version that is stored.
    """

    shard: Shard
    record: Record
    stored: datetime | None = None
    quarantined: datetime | None = None
    cause: Cause | None = None
    failures: list[Failure] = field(default_factory=list)

    @property
    def written_at(self) -> datetime:
        return written_at(self.record.event)

    @property
    def reason(self) -> str | None:
        return self.cause.reason if self.cause else None

    @property
    def needs_failure(self) -> bool:
        """It failed, or it is not stored, so that a failure must or may cover it."""
        return self.record.is_replayed and (self.quarantined is not None or self.stored is None)

    @property
    def audit_id(self) -> str:
        """The id of its failure, if it failed alone."""
        number = self.record.number
        return audit_id_of(StreamRange(self.shard.stream_arn, self.shard.shard_id, number, number))

    def lies_in(self, where: StreamRange) -> bool:
        same = (where.stream_arn, where.shard_id) == (self.shard.stream_arn, self.shard.shard_id)
        return self.record.is_replayed and same and where.covers(self.record.number)

    def is_named_by(self, failure: Failure) -> bool:
        """Return whether it is certain that this record failed: it ends the range, or is named after a replay."""
        where, number = failure.range, self.record.number
        named = failure.failing_numbers
        return number in named if named is not None else where is not None and number in (where.first, where.last)


class NewestVersions:
    """Collects the newest versions of an order, one more than are followed. Safe for several threads.

    Args:
        partition_key: The name of the orders' partition key.
        key: The order.
        since: Take versions written at this time or later.
    """

    def __init__(self, partition_key: str, key: str, since: datetime) -> None:
        self._key = {partition_key: {"S": key}}
        self._partition_key = partition_key
        self._since = since
        self._lock = threading.Lock()
        self._newest: list[Version] = []

    def has(self, record: Record) -> bool:
        """Return whether a record is one of the order."""
        keys = record.event["dynamodb"].get("Keys", {})
        return keys.get(self._partition_key) == self._key[self._partition_key]

    def take(self, shard: Shard, record: Record) -> None:
        if self.has(record) and written_at(record.event) >= self._since:
            with self._lock:
                self._newest.append(Version(shard, record))
                if len(self._newest) > 2 * MOST_VERSIONS:
                    self._newest[:] = self.in_order()

    def in_order(self) -> list[Version]:
        """Return them, the newest last."""
        ordered = sorted(self._newest, key=lambda each: (each.written_at, each.record.number))
        return ordered[-MOST_VERSIONS - 1 :]


class VersionObjects:
    """Objects of versions in the bucket.

    Args:
        aws: The bucket's account and region.
        bucket: The bucket.
        prefix: The prefix of the objects that the processor stores.
        failed_prefix: The quarantine's prefix.
        cancel: Called on Ctrl-C, see `walk`.
    """

    def __init__(
        self, aws: Aws, bucket: str, prefix: str, failed_prefix: str, cancel: Callable[[], None] = lambda: None
    ) -> None:
        self._aws = aws
        self._bucket = bucket
        self._prefix = prefix
        self._failed_prefix = failed_prefix
        self._cancel = cancel

    def find(self, versions: Sequence[Version]) -> None:
        """Look for the object and the quarantine object of each version, and note them.

        Raises:
            CancelledError: the user pressed Ctrl-C.
            AwsError: the bucket cannot be read.
        """
        numbered = {str(number): each for number, each in enumerate(versions) if each.record.is_replayed}
        found = parallel_map(lambda number: self._find(numbered[number]), numbered, cancel=self._cancel)
        found.require_done("interrupted while looking for objects")

    def url(self, version: Version) -> str:
        return f"s3://{self._bucket}/{object_key(self._prefix, version.record.event)}"

    def quarantine_url(self, version: Version) -> str:
        return f"s3://{self._bucket}/{quarantine_key(self._failed_prefix, version.record.event)}"

    def _find(self, version: Version) -> None:
        event = version.record.event
        if stored := self._read(object_key(self._prefix, event)):
            body, modified = stored
            version.stored = _processed_at(body) or modified
        if quarantined := self._read(quarantine_key(self._failed_prefix, event)):
            body, modified = quarantined
            kept = kept_record(body)
            version.cause = kept.cause if kept and _is_of(kept, version) else None
            version.quarantined = (version.cause and version.cause.failed_at) or modified

    def _read(self, key: str) -> tuple[bytes, datetime] | None:
        self._aws.clock.sleep(0)  # raises after Ctrl-C
        try:
            answer = self._aws.s3.get_object(Bucket=self._bucket, Key=key, ExpectedBucketOwner=self._aws.account_id)
        except AwsError as error:
            if error.aws_code != "NoSuchKey":
                raise
            return None
        return answer["Body"].read(), answer["LastModified"]


def _is_of(kept: Kept, version: Version) -> bool:
    return int(kept.event["dynamodb"]["SequenceNumber"]) == version.record.number.value


def _processed_at(body: bytes) -> datetime | None:
    try:
        return parse_timestamp(json.loads(body)["metadata"]["processedAt"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def is_image_of(version: Version, item: Mapping[str, object] | None) -> bool:
    """Return whether a version is what the table has: the same attributes, or a removal where it has none."""
    image = version.record.event["dynamodb"].get("NewImage")
    return _comparable(image) == _comparable(item) if image and item else not image and not item


def _comparable(value: object) -> object:
    """Return an image with its sets sorted, because their order has no meaning."""
    if not isinstance(value, Mapping):
        return [_comparable(each) for each in value] if isinstance(value, list) else value
    return {
        name: sorted(map(str, member)) if name in _SETS and isinstance(member, list) else _comparable(member)
        for name, member in value.items()
    }
