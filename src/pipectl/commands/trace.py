"""`trace`: follow one order through the pipeline. Reads only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.commands.verify import report_shards
from pipectl.context import Context
from pipectl.engine.model import Facts
from pipectl.errors import AbsentError, AwsError
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import CLOCKS_DIFFER, Selection
from pipectl.failures.model import (
    UNRESOLVED,
    Failure,
    Record,
    ReplayStatus,
    SequenceNumber,
    StreamRange,
    object_key,
    quarantine_key,
    written_at,
)
from pipectl.failures.stream_reader import Shard
from pipectl.failures.table_reader import StreamReading, TableReader
from pipectl.monitoring.stream_progress import Progress, progress
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import parse_timestamp

MOST_RECORDS = 200
"""Versions that are followed, the newest ones."""
_NEEDS = (ResourceKey.ORDERS_TABLE, ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET)
_WRITTEN = {"INSERT": "inserted", "MODIFY": "modified", "REMOVE": "removed"}


class Stage(StrEnum):
    """Progress of an order; of several versions, the worst one counts."""

    STORED = "stored"
    WAITING = "waiting"
    LOST = "lost"
    FAILED = "failed"
    UNSEEN = "unseen"
    ABSENT = "absent"


@dataclass(frozen=True)
class TraceEvent:
    """Something that happened to a version of the order.

    Attributes:
        time: The time of it.
        kind: ``inserted``, ``modified``, ``removed``, ``stored``, ``quarantined``, ``failed`` or ``replayed``.
        sequence_number: The version's sequence number.
        event_id: The stream's id of the record.
        shard_id: The shard of the record.
        object: The S3 URL of what was stored or quarantined.
        audit_id: The failure.
        failure_type: The failure's type.
        status: The failure's status after a replay.
        error: The error of a replay.
    """

    time: datetime
    kind: str
    sequence_number: SequenceNumber
    event_id: str | None = None
    shard_id: str | None = None
    object: str | None = None
    audit_id: str | None = None
    failure_type: str | None = None
    status: ReplayStatus | None = None
    error: str | None = None


@dataclass(frozen=True)
class TracedFailure:
    """The failure of an order that can still be replayed, else the newest one."""

    audit_id: str
    failure_type: str
    status: ReplayStatus
    is_unresolved: bool


@dataclass(frozen=True)
class Trace:
    """Progress of an order.

    Attributes:
        key: Its partition key.
        item: The order as the table has it now, in DynamoDB's typed form; ``None`` when the table does not have it.
        stage: Its progress.
        versions: Number of its inserts and updates in the stream, in that period.
        at_stage: Number of those that are at this stage.
        was_removed: The stream holds a removal of it.
        failure: The failure, at the stage ``failed``.
        stopped: The reason why the stream is not being read, at the stage ``waiting``.
        unknown: The reason why nothing certain is known about the reading of the stream, at the stage ``waiting``.
        events: What happened, in order of time.
        more: There were more versions than were followed; the oldest are left out.
        unread: Shards that could not be read to their end, so that versions may be missing.
        assumed: Open shards that returned only empty pages in the end; they are assumed to be read.
        period: Age of the oldest versions that were looked for.
    """

    key: str
    item: Mapping[str, object] | None
    stage: Stage
    versions: int = 0
    at_stage: int = 0
    was_removed: bool = False
    failure: TracedFailure | None = None
    stopped: str | None = None
    unknown: str | None = None
    events: tuple[TraceEvent, ...] = ()
    more: bool = False
    unread: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    period: timedelta = STREAM_RETENTION


@dataclass
class _Version:
    """A stream record of the order, with its object and its failures."""

    shard: Shard
    record: Record
    stored: datetime | None = None
    quarantined: datetime | None = None
    failures: list[Failure] = field(default_factory=list)

    @property
    def written_at(self) -> datetime:
        return written_at(self.record.event)

    def lies_in(self, where: StreamRange) -> bool:
        same = (where.stream_arn, where.shard_id) == (self.shard.stream_arn, self.shard.shard_id)
        return self.record.is_replayed and same and where.covers(self.record.number)


def trace(context: Context, key: str, since: datetime | None = None) -> Trace:
    """Follow one order through table, stream, bucket and audit table.

    Args:
        context: The pipeline.
        key: The order's partition key.
        since: Follow versions written at this time or later; by default all that the stream holds.

    Raises:
        PipectlError: orders table, bucket or audit table is missing, or cannot be read.
    """
    table = context.require(_NEEDS)[ResourceKey.ORDERS_TABLE].facts_as(TableFacts)
    now = context.aws.now()
    since = max(since or now - STREAM_RETENTION, now - STREAM_RETENTION)
    item = _item(context, key)
    versions, reading = _versions(context, table, key, since, now)
    more, versions = len(versions) > MOST_RECORDS, versions[-MOST_RECORDS:]
    for version in versions:
        if version.record.is_replayed:
            _find_objects(context, version)
    _find_failures(context, versions)
    events = sorted((event for version in versions for event in _events(context, version)), key=lambda each: each.time)
    found = Trace(key, item, Stage.ABSENT, events=tuple(events), more=more, period=now - since)
    found = replace(found, unread=reading.unread, assumed=reading.assumed)
    return _judge(found, versions, progress(context, _readers(context), now))


def _item(context: Context, key: str) -> Mapping[str, object] | None:
    table, name = context.pipeline.physical.orders_table, context.config.orders_table.partition_key
    answer = context.aws.dynamodb.get_item(TableName=table, Key={name: {"S": key}}, ConsistentRead=True)
    return answer.get("Item")


def _versions(
    context: Context, table: TableFacts, key: str, since: datetime, now: datetime
) -> tuple[list[_Version], StreamReading]:
    """Return the newest versions in the stream, in order, one more than are followed."""
    partition_key, lock = context.config.orders_table.partition_key, threading.Lock()
    newest: list[_Version] = []

    def is_of_order(record: Record) -> bool:
        return record.event["dynamodb"].get("Keys", {}).get(partition_key) == {"S": key}

    def take(shard: Shard, record: Record) -> None:
        if is_of_order(record) and written_at(record.event) >= since:
            with lock:
                newest.append(_Version(shard, record))
                if len(newest) > 2 * MOST_RECORDS:
                    newest[:] = _ordered(newest)[-MOST_RECORDS - 1 :]

    name = context.pipeline.physical.orders_table
    report = partial(report_shards, context)
    reader = TableReader(
        context.aws, name, table, now, since=since, order=is_of_order, report=report, cancel=context.cancel
    )
    reading = reader.read(take)
    return _ordered(newest)[-MOST_RECORDS - 1 :], reading


def _ordered(versions: Sequence[_Version]) -> list[_Version]:
    return sorted(versions, key=lambda each: (each.written_at, each.record.number))


def _find_objects(context: Context, version: _Version) -> None:
    bucket, config = context.pipeline.physical.bucket, context.config.bucket
    s3, owner = context.aws.s3, context.aws.account_id
    try:
        key = object_key(config.prefix, version.record.event)
        answer = s3.get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
        version.stored = _processed_at(answer["Body"].read()) or answer["LastModified"]
    except AwsError as error:
        if error.aws_code != "NoSuchKey":
            raise
    try:
        key = quarantine_key(config.failed_prefix, version.record.event)
        head = s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
        version.quarantined = head["LastModified"]
    except AbsentError:
        return


def _processed_at(body: bytes) -> datetime | None:
    try:
        return parse_timestamp(json.loads(body)["metadata"]["processedAt"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _find_failures(context: Context, versions: Sequence[_Version]) -> None:
    """Add to each version the failures whose range covers it. A range can cover a version that is stored."""
    if not versions:
        return
    for failure in context.audit_table.find(Selection(versions[0].written_at - CLOCKS_DIFFER)):
        if where := failure.range:
            for version in versions:
                if version.lies_in(where):
                    version.failures.append(failure)


def _readers(context: Context) -> dict[str, Facts]:
    return context.facts(context.observe([ResourceKey.STREAM_MAPPING, ResourceKey.PROCESSOR]))


def _judge(found: Trace, versions: Sequence[_Version], read: Progress) -> Trace:
    processed = [version for version in versions if version.record.is_replayed]
    found = replace(found, versions=len(processed), was_removed=len(processed) < len(versions))
    not_stored = [version for version in processed if not version.stored]
    if not processed:
        unseen = found.item is not None and not versions
        return replace(found, stage=Stage.UNSEEN if unseen else Stage.ABSENT)
    if not not_stored:
        return replace(found, stage=Stage.STORED, at_stage=len(processed))
    if failed := [version for version in not_stored if version.failures]:
        return replace(found, stage=Stage.FAILED, at_stage=len(failed), failure=_most_useful(failed))
    is_known = not (read.stopped or read.unknown)
    if lost := [version for version in not_stored if is_known and version.written_at < read.until]:
        return replace(found, stage=Stage.LOST, at_stage=len(lost))
    waiting = replace(found, stage=Stage.WAITING, at_stage=len(not_stored))
    return replace(waiting, stopped=read.stopped, unknown=read.unknown)


def _most_useful(failed: Sequence[_Version]) -> TracedFailure:
    failures = sorted((f for version in failed for f in version.failures), key=lambda f: f.timestamp)
    failure = next((f for f in reversed(failures) if f.status in UNRESOLVED), failures[-1])
    return TracedFailure(failure.audit_id, failure.failure_type, failure.status, failure.status in UNRESOLVED)


def _events(context: Context, version: _Version) -> Iterator[TraceEvent]:
    event, number = version.record.event, version.record.number
    bucket, config = context.pipeline.physical.bucket, context.config.bucket
    yield TraceEvent(
        version.written_at,
        _WRITTEN[event["eventName"]],
        number,
        event_id=event.get("eventID"),
        shard_id=version.shard.shard_id,
    )
    if version.stored:
        yield TraceEvent(version.stored, "stored", number, object=f"s3://{bucket}/{object_key(config.prefix, event)}")
    if version.quarantined:
        url = f"s3://{bucket}/{quarantine_key(config.failed_prefix, event)}"
        yield TraceEvent(version.quarantined, "quarantined", number, object=url)
    for failure in version.failures:
        yield _event(failure, "failed", failure.timestamp, version)
        if replayed := failure.item.get("replayedAt"):
            replay = _event(failure, "replayed", replayed, version)
            yield replace(replay, status=failure.status, error=_error(failure, number))


def _event(failure: Failure, kind: str, time: object, version: _Version) -> TraceEvent:
    """Return an event of a failure. A time that is not valid becomes the one when the record was written."""
    return TraceEvent(
        parse_timestamp(time) or version.written_at,
        kind,
        version.record.number,
        audit_id=failure.audit_id,
        failure_type=failure.failure_type,
    )


def _error(failure: Failure, number: SequenceNumber) -> str | None:
    """Return the function's error for this version, else for the whole failure."""
    failing = failure.item.get("failingRecords")
    named = [each for each in failing if isinstance(each, Mapping)] if isinstance(failing, list) else []
    errors = [each.get("error") for each in named if each.get("sequenceNumber") == number.text]
    error = next(iter(errors), None) or failure.item.get("replayError")
    return str(error) if error else None
