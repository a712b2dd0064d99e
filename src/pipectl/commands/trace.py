"""`trace`: one order's way through the pipeline, and where it is stuck. Reads only."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pipectl.aws.stream_records import EventRecord, sequence_number
from pipectl.context import Context
from pipectl.engine.model import facts_of
from pipectl.errors import AbsentError, AwsError
from pipectl.facts import MappingFacts, TableFacts
from pipectl.failures.model import UNRESOLVED, Failure, StreamRange
from pipectl.failures.objects import object_key, quarantine_key, written_at
from pipectl.failures.records import REPLAYED_EVENTS
from pipectl.failures.stream import StreamShard, read_all, shards_of
from pipectl.failures.trail import failures
from pipectl.monitoring.stream_progress import Progress, progress
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import parse_timestamp

MOST_RECORDS = 200
"""Versions that are looked into, the newest."""
_NEEDS = (ResourceKey.ORDERS_TABLE, ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET)
_CLOCKS_DIFFER = timedelta(hours=1)
_WRITTEN = {"INSERT": "inserted", "MODIFY": "modified", "REMOVE": "removed"}


class Stage(StrEnum):
    """How far an order has come; of several versions, the one that is worst off counts."""

    STORED = "stored"
    WAITING = "waiting"
    LOST = "lost"
    FAILED = "failed"
    UNSEEN = "unseen"
    ABSENT = "absent"


@dataclass(frozen=True)
class TraceEvent:
    """Something that happened to a version of the order.

    Args:
        time: When.
        kind: ``inserted``, ``modified``, ``removed``, ``stored``, ``quarantined``, ``failed`` or ``replayed``.
        detail: Where, or how, in words.
        sequence_number: Of the version, as DynamoDB writes it.
    """

    time: datetime
    kind: str
    detail: str
    sequence_number: str


@dataclass(frozen=True)
class Trace:
    """One order's way.

    Args:
        key: Its partition key.
        item: The order as the table has it now, in DynamoDB's typed form; ``None`` when it has none.
        stage: How far it has come.
        stuck: The same as a sentence, with what to do about it.
        events: What happened, in order of time.
        more: There were more versions than were looked into; the oldest are left out.
    """

    key: str
    item: Mapping[str, Any] | None
    stage: Stage
    stuck: str
    events: tuple[TraceEvent, ...]
    more: bool = False


@dataclass
class _Version:
    """One stream record of the order, and what came of it."""

    shard: StreamShard
    record: EventRecord
    stored: datetime | None = None
    quarantined: datetime | None = None
    failures: list[Failure] = field(default_factory=list)

    @property
    def is_processed(self) -> bool:
        return self.record["eventName"] in REPLAYED_EVENTS

    def lies_in(self, where: StreamRange) -> bool:
        same = (where.stream_arn, where.shard_id) == (self.shard.stream_arn, self.shard.shard_id)
        return self.is_processed and same and where.first <= sequence_number(self.record) <= where.last


def trace(context: Context, key: str) -> Trace:
    """Follow one order through table, stream, bucket and audit trail.

    Args:
        context: The pipeline.
        key: The order's partition key.

    Raises:
        PipectlError: table, bucket or audit table is not there, or cannot be read.
    """
    table = context.require(_NEEDS)[ResourceKey.ORDERS_TABLE].facts_as(TableFacts)
    now = context.aws.clock.now()
    item = _item(context, key)
    versions, more = _versions(context, table.require_stream(), key, now)
    for version in versions:
        if version.is_processed:
            _look_for_objects(context, version)
    _look_for_failures(context, versions, now)
    stage, stuck = _judge(item is not None, versions, progress(context, _mapping(context), now))
    events = sorted((event for version in versions for event in _events(context, version)), key=lambda each: each.time)
    return Trace(key, item, stage, stuck, tuple(events), more)


def _item(context: Context, key: str) -> Mapping[str, Any] | None:
    table, name = context.pipeline.physical.orders_table, context.config.orders_table.partition_key
    answer = context.aws.dynamodb.get_item(TableName=table, Key={name: {"S": key}}, ConsistentRead=True)
    return answer.get("Item")


def _versions(context: Context, stream_arn: str, key: str, now: datetime) -> tuple[list[_Version], bool]:
    """What the stream still holds of the order, in order, and whether there is more than is looked into."""
    name, lock = context.config.orders_table.partition_key, threading.Lock()
    newest: deque[_Version] = deque(maxlen=MOST_RECORDS + 1)

    def take(shard: StreamShard, record: EventRecord) -> None:
        if record["dynamodb"].get("Keys", {}).get(name) == {"S": key}:
            with lock:
                newest.append(_Version(shard, record))

    shards = shards_of(context.aws, context.pipeline.physical.orders_table, stream_arn)
    read_all(context.aws, shards, now, take, context.cancel)
    ordered = sorted(newest, key=lambda each: (written_at(each.record), sequence_number(each.record)))
    return ordered[-MOST_RECORDS:], len(ordered) > MOST_RECORDS


def _look_for_objects(context: Context, version: _Version) -> None:
    bucket, config = context.pipeline.physical.bucket, context.config.bucket
    s3, owner = context.aws.s3, context.aws.account_id
    try:
        key = object_key(config.prefix, version.record)
        answer = s3.get_object(Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
        version.stored = _processed_at(answer["Body"].read()) or answer["LastModified"]
    except AwsError as error:
        if error.aws_code != "NoSuchKey":
            raise
    try:
        key = quarantine_key(config.failed_prefix, version.record)
        head = s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=owner)
        version.quarantined = head["LastModified"]
    except AbsentError:
        return


def _processed_at(body: bytes) -> datetime | None:
    try:
        return parse_timestamp(json.loads(body)["metadata"]["processedAt"])
    except (ValueError, KeyError, TypeError):
        return None


def _look_for_failures(context: Context, versions: Sequence[_Version], now: datetime) -> None:
    """A failure's range is an upper bound, so it can cover a version that is well."""
    if not versions:
        return
    table, since = context.pipeline.physical.audit_table, written_at(versions[0].record) - _CLOCKS_DIFFER
    for failure in failures(context.aws, table, since=since, until=now + _CLOCKS_DIFFER):
        if where := failure.range:
            for version in versions:
                if version.lies_in(where):
                    version.failures.append(failure)


def _mapping(context: Context) -> MappingFacts | None:
    key = ResourceKey.STREAM_MAPPING
    return facts_of(context.facts(context.observe([key])), key, MappingFacts)


def _judge(there: bool, versions: Sequence[_Version], got: Progress) -> tuple[Stage, str]:
    processed = [version for version in versions if version.is_processed]
    open_ = [version for version in processed if not version.stored]
    of = f"of {pluralize(len(processed), 'version')} in the last 24 hours"
    if not processed:
        return _unseen(there, removed=bool(versions))
    if not open_:
        return Stage.STORED, f"stored: {len(processed)} {of}"
    if failed := [version for version in open_ if version.failures]:
        return Stage.FAILED, _failed(failed, of)
    lost = [version for version in open_ if not got.stopped and written_at(version.record) < got.until]
    if lost:
        words = f"lost: {len(lost)} {of}, with neither an object nor a failure"
        return Stage.LOST, f"{words}; `pipectl verify --repair` finds and processes what is lost"
    return Stage.WAITING, f"waits for the processor: {len(open_)} {of}" + (f"; {got.stopped}" if got.stopped else "")


def _unseen(there: bool, *, removed: bool) -> tuple[Stage, str]:
    if removed:
        return Stage.ABSENT, "removed in the last 24 hours; there was nothing to process in them"
    if there:
        older = "what became of it before, the bucket and `pipectl audit list --since` can tell"
        return Stage.UNSEEN, f"never seen by the stream in the last 24 hours; {older}"
    return Stage.ABSENT, "there is no such order, and the stream has seen none in the last 24 hours"


def _failed(failed: Sequence[_Version], of: str) -> str:
    """Of several failures, the one that can still be replayed, else the newest."""
    all_ = sorted((f for version in failed for f in version.failures), key=lambda f: f.timestamp)
    failure = next((f for f in reversed(all_) if f.status in UNRESOLVED), all_[-1])
    force = "" if failure.status in UNRESOLVED else " --force"
    words = f"failed: {len(failed)} {of} ({failure.failure_type}, {failure.status})"
    return f"{words}; replay it with `pipectl replay-dlq --id {failure.audit_id}{force}`"


def _events(context: Context, version: _Version) -> Iterator[TraceEvent]:
    record, bucket, config = version.record, context.pipeline.physical.bucket, context.config.bucket
    number = record["dynamodb"]["SequenceNumber"]
    written = f"record {record.get('eventID', '')} in shard {version.shard.shard_id}"
    yield TraceEvent(written_at(record), _WRITTEN[record["eventName"]], written, number)
    if version.stored:
        yield TraceEvent(version.stored, "stored", f"s3://{bucket}/{object_key(config.prefix, record)}", number)
    if version.quarantined:
        where = f"s3://{bucket}/{quarantine_key(config.failed_prefix, record)}"
        yield TraceEvent(version.quarantined, "quarantined", where, number)
    for failure in version.failures:
        yield TraceEvent(
            _time(failure.timestamp, record), "failed", f"{failure.failure_type}, failure {failure.audit_id}", number
        )
        if replayed := failure.item.get("replayedAt"):
            detail = f"{failure.status}, failure {failure.audit_id}{_error(failure, number)}"
            yield TraceEvent(_time(replayed, record), "replayed", detail, number)


def _error(failure: Failure, number: str) -> str:
    """The function's own words about this version, else about the whole failure."""
    failing = failure.item.get("failingRecords")
    named = [each for each in failing if isinstance(each, Mapping)] if isinstance(failing, list) else []
    errors = [each.get("error") for each in named if each.get("sequenceNumber") == number]
    error = next(iter(errors), None) or failure.item.get("replayError")
    return f": {error}" if error else ""


def _time(text: object, record: EventRecord) -> datetime:
    """When it was; when the record was written, where somebody has put into the table what is no time."""
    return parse_timestamp(text) or written_at(record)
