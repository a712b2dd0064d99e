"""`audit`: what failed for good, listed, looked into, and counted. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from pipectl.aws.stream_records import EventRecord, sequence_number
from pipectl.context import Context
from pipectl.errors import AwsError, PipectlError
from pipectl.failures.listing import Position, Wanted, newest_first, timestamps_and_statuses
from pipectl.failures.model import UNRESOLVED, Failure, StreamRange
from pipectl.failures.ranges import spans
from pipectl.failures.records import Reading, RecordReader
from pipectl.failures.trail import failures_by_id
from pipectl.resource_keys import ResourceKey

MOST_RECORDS = 1000
"""Records of one failure that `show` names."""


class Origin(StrEnum):
    """Where a record was found."""

    STREAM = "stream"
    QUARANTINE = "quarantine"
    GONE = "gone"
    UNREAD = "unread"


@dataclass(frozen=True)
class AuditEntry:
    """A failure and its expiry clock.

    Args:
        failure: The audit item.
        starts_to_expire: When the stream forgets the first of its records; ``None`` when the message did not say.
        at_risk: When the stream has forgotten the last one.
        expiring: The first moment has passed, and it still waits for a replay.
        expired: The second has, too; what is left of it is in the quarantine.
    """

    failure: Failure
    starts_to_expire: datetime | None
    at_risk: datetime | None
    expiring: bool
    expired: bool

    @classmethod
    def of(cls, failure: Failure, now: datetime) -> AuditEntry:
        starts, risk = failure.starts_to_expire, failure.at_risk
        waits = failure.status in UNRESOLVED
        return cls(
            failure, starts, risk, bool(waits and starts and starts <= now), bool(waits and risk and risk <= now)
        )


@dataclass(frozen=True)
class AuditPage:
    """Failures, newest first. ``next`` asks for those that come after; ``None`` when there are none."""

    entries: tuple[AuditEntry, ...]
    next: str | None


@dataclass(frozen=True)
class FoundRecord:
    """A record of a failure: its sequence number, where it was found, and itself, if it was."""

    sequence_number: int
    origin: Origin
    record: EventRecord | None


@dataclass(frozen=True)
class AuditDetail:
    """Everything about one failure.

    Args:
        entry: The audit item.
        records: Those in its range, in order. A range is an upper bound: it can hold good records.
        more: There are more than are named.
        unreadable: Why there are no records.
    """

    entry: AuditEntry
    records: tuple[FoundRecord, ...] = ()
    more: bool = False
    unreadable: str | None = None


@dataclass(frozen=True)
class AuditStats:
    """Counts of failures. ``by_day`` holds, for each day in UTC, the newest first, the count of each type."""

    since: datetime
    until: datetime
    total: int
    by_type: Mapping[str, int]
    by_status: Mapping[str, int]
    by_day: Mapping[str, Mapping[str, int]]


def audit_list(context: Context, wanted: Wanted, *, limit: int = 20, page: str | None = None) -> AuditPage:
    """A page of failures, newest first over all types.

    Args:
        context: The pipeline.
        wanted: Which failures.
        limit: The most of them.
        page: ``next`` of the page before, asked for with the same ``wanted``.

    Raises:
        UsageError: ``page`` is no such value.
    """
    position = Position.of_token(page) if page else None
    context.require([ResourceKey.AUDIT_TABLE])
    found = newest_first(context.aws, context.pipeline.physical.audit_table, wanted, position, limit + 1)
    now, position = context.aws.clock.now(), position or Position("")
    entries = []
    for failure in islice(found, limit):
        entries.append(AuditEntry.of(failure, now))
        position = position.after(failure)
    more = next(found, None) is not None
    return AuditPage(tuple(entries), position.token() if more else None)


def audit_show(context: Context, audit_id: str) -> list[AuditDetail]:
    """Everything about a failure, with its records read back from the stream, else from the quarantine.

    Returns:
        Nearly always one; the same range can have failed at several times.

    Raises:
        PipectlError: there is no failure of that id.
    """
    # A table that is gone is no obstacle: its stream can be read for another 24 hours.
    context.require([ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET], or_absent=[ResourceKey.ORDERS_TABLE])
    found = list(failures_by_id(context.aws, context.pipeline.physical.audit_table, [audit_id]))
    if not found:
        raise PipectlError(f"there is no failure {audit_id}", hint="`pipectl audit list` names them")
    return [_detail(context, failure) for failure in found]


def audit_stats(context: Context, wanted: Wanted) -> AuditStats:
    """Failures counted by type, status and day. Memory does not grow with their number."""
    context.require([ResourceKey.AUDIT_TABLE])
    counts: Counter[tuple[str, str, str]] = Counter()
    for failure_type in wanted.types:
        table = context.pipeline.physical.audit_table
        for timestamp, status in timestamps_and_statuses(context.aws, table, failure_type, wanted):
            counts[timestamp[:10], failure_type, status] += 1
    by_type: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    by_day: dict[str, Counter[str]] = {}
    for (day, failure_type, status), count in sorted(counts.items(), reverse=True):
        by_type[failure_type] += count
        by_status[status] += count
        by_day.setdefault(day, Counter())[failure_type] += count
    return AuditStats(wanted.since, wanted.until, counts.total(), by_type, by_status, by_day)


def _detail(context: Context, failure: Failure) -> AuditDetail:
    entry = AuditEntry.of(failure, context.aws.clock.now())
    where, table_arn = failure.range, context.pipeline.names.table_arn(context.pipeline.physical.orders_table)
    if where is None:
        return AuditDetail(entry, unreadable="its message does not say where its records are")
    if not where.stream_arn.startswith(f"{table_arn}/stream/"):
        return AuditDetail(entry, unreadable=f"its records are in another stream: {where.stream_arn}")
    try:
        return _with_records(context, entry, where)
    except AwsError as error:  # what is known is shown whatever became of the records, or was written by hand
        return AuditDetail(entry, unreadable=error.message)


def _with_records(context: Context, entry: AuditEntry, where: StreamRange) -> AuditDetail:
    (span,) = spans([(where, entry.failure)])
    reading, found = Reading(), []
    reader = RecordReader(context.aws, context.pipeline.physical.bucket, context.config.bucket.failed_prefix)
    records = reader.read(span, reading)
    for record in islice(records, MOST_RECORDS):
        number = sequence_number(record)
        origin = Origin.QUARANTINE if reading.from_quarantine else Origin.STREAM
        found.append(FoundRecord(number, origin, record))
    if more := next(records, None) is not None:
        return AuditDetail(entry, tuple(found), more)
    missing = {where.first, where.last} - {each.sequence_number for each in found}  # both ends were given up
    found += [FoundRecord(n, Origin.GONE if reading.forgot(n) else Origin.UNREAD, None) for n in missing]
    return AuditDetail(entry, tuple(sorted(found, key=lambda each: each.sequence_number)))
