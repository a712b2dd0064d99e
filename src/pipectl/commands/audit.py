"""`audit`: failures listed, shown, counted and resolved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from pipectl.aws.stream_records import EventRecord
from pipectl.context import Context
from pipectl.errors import AwsError, ClaimedFailureError, FailureStatusError, NoSuchFailureError
from pipectl.failures.audit_table import Position, Selection
from pipectl.failures.model import (
    UNRESOLVED,
    Failure,
    Gap,
    Record,
    ReplayStatus,
    SequenceNumber,
    StreamRange,
)
from pipectl.failures.resolution import Resolution
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import rfc3339_milliseconds

MOST_RECORDS = 1000
"""Records of one failure that `audit show` lists."""


class Origin(StrEnum):
    """Place where a record was found."""

    STREAM = "stream"
    QUARANTINE = "quarantine"
    GONE = "gone"
    UNREAD = "unread"


@dataclass(frozen=True)
class ExpiryClock:
    """Times at which the records of a failure are trimmed from the stream.

    Attributes:
        starts_to_expire: The time of the first record; ``None`` when the message does not name it.
        at_risk: The time of the last record.
        expiring: The first time has passed, and the failure is unresolved.
        expired: The second has, too; only the quarantine may still hold the records.
    """

    starts_to_expire: datetime | None
    at_risk: datetime | None
    expiring: bool
    expired: bool

    @classmethod
    def of(cls, failure: Failure, now: datetime) -> ExpiryClock:
        starts, risk, waits = failure.starts_to_expire, failure.at_risk, failure.status in UNRESOLVED
        return cls(starts, risk, bool(waits and starts and starts <= now), bool(waits and risk and risk <= now))


@dataclass(frozen=True)
class AuditEntry:
    """A failure and its expiry clock."""

    failure: Failure
    expiry_clock: ExpiryClock


@dataclass(frozen=True)
class AuditPage:
    """Failures, newest first. ``next`` is the token of the next page; ``None`` on the last one."""

    entries: tuple[AuditEntry, ...]
    next: str | None


@dataclass(frozen=True)
class FoundRecord:
    """A record of a failure: its number, where it was found, and its content, if it was found."""

    sequence_number: SequenceNumber
    origin: Origin
    record: EventRecord | None


@dataclass(frozen=True)
class AuditDetail:
    """Everything about one failure.

    Attributes:
        entry: The failure.
        records: The records in its range, in order. A range is an upper bound: it can hold good records.
        more_records: There are more than are listed.
        unreadable: The reason why there are no records.
    """

    entry: AuditEntry
    records: tuple[FoundRecord, ...] = ()
    more_records: bool = False
    unreadable: str | None = None


@dataclass(frozen=True)
class AuditStats:
    """Counts of failures. ``by_day`` holds, for each day in UTC, the newest first, the count of each type."""

    since: datetime
    until: datetime | None
    total: int
    by_type: Mapping[str, int]
    by_status: Mapping[str, int]
    by_day: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class ResolvedFailure:
    """A failure that `audit resolve` has changed. ``resolution`` is ``None`` when it was undone."""

    audit_id: str
    timestamp: str
    status: ReplayStatus
    resolution: Resolution | None


Confirm = Callable[[Sequence[AuditEntry]], None]
"""Shows the failures and asks; raises when the user declines."""


def audit_list(context: Context, selection: Selection, *, limit: int = 20, page: str | None = None) -> AuditPage:
    """Return a page of failures, newest first over all types.

    Args:
        context: The pipeline.
        selection: The failures.
        limit: Maximum number of failures.
        page: The token of this page, from the one before; with the same ``selection``.

    Raises:
        UsageError: ``page`` is not a token.
    """
    position = Position.of_token(page) if page else None
    context.require([ResourceKey.AUDIT_TABLE])
    found = context.audit_table.newest_first(selection, position)
    now, position = context.aws.now(), position or Position("")
    entries = []
    for failure in islice(found, limit):
        entries.append(AuditEntry(failure, ExpiryClock.of(failure, now)))
        position = position.after(failure)
    more = next(found, None) is not None
    return AuditPage(tuple(entries), position.token() if more else None)


def audit_show(context: Context, audit_id: str) -> list[AuditDetail]:
    """Return everything about a failure, with its records read from the stream, else from the quarantine.

    Returns:
        Nearly always one; the same range can fail at several times.

    Raises:
        NoSuchFailureError: no failure has this id.
    """
    # The stream of a deleted table can be read for another 24 hours.
    context.require([ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET], or_absent=[ResourceKey.ORDERS_TABLE])
    found = list(context.audit_table.with_id(audit_id))
    if not found:
        raise NoSuchFailureError([audit_id])
    return [_detail(context, failure) for failure in found]


def audit_resolve(context: Context, audit_id: str, by: str, reason: str, confirm: Confirm) -> list[ResolvedFailure]:
    """Close the unresolved failures of an id, because a person decided that they need no replay.

    Raises:
        NoSuchFailureError: no failure has this id.
        FailureStatusError: none of them is unresolved.
        ClaimedFailureError: a running replay has claimed one of them.
    """
    chosen = _with_status(context, audit_id, UNRESOLVED, "only unresolved failures can be resolved")
    confirm(_entries(context, chosen))
    resolution = Resolution(context.aws.now(), by, reason)
    for failure in chosen:
        if not context.audit_table.resolve(failure, resolution) and not _is_resolved(context, failure, resolution):
            raise ClaimedFailureError(audit_id)
    return [ResolvedFailure(*failure.key, ReplayStatus.RESOLVED, resolution) for failure in chosen]


def audit_undo(context: Context, audit_id: str, confirm: Confirm) -> list[ResolvedFailure]:
    """Return the resolved failures of an id to the status that they had before.

    Raises:
        NoSuchFailureError: no failure has this id.
        FailureStatusError: none of them is resolved.
    """
    rule = "only resolved failures can be unresolved again"
    chosen = _with_status(context, audit_id, (ReplayStatus.RESOLVED,), rule)
    confirm(_entries(context, chosen))
    for failure in chosen:
        if not context.audit_table.undo_resolution(failure):
            current = context.audit_table.current(failure)
            if current is None:
                raise NoSuchFailureError([audit_id])
            if current.status is not failure.status_before:
                raise FailureStatusError(audit_id, current.status, rule)
    return [ResolvedFailure(*failure.key, failure.status_before, None) for failure in chosen]


def audit_stats(context: Context, since: datetime, until: datetime | None = None) -> AuditStats:
    """Count failures by type, status and day. Memory does not grow with their number."""
    context.require([ResourceKey.AUDIT_TABLE])
    counts: Counter[tuple[str, str, ReplayStatus]] = Counter()
    for failure_type, timestamp, status in context.audit_table.statuses(Selection(since, until)):
        counts[timestamp[:10], failure_type, status] += 1
    by_type: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    by_day: dict[str, Counter[str]] = {}
    for (day, failure_type, status), count in sorted(counts.items(), reverse=True):
        by_type[failure_type] += count
        by_status[status] += count
        by_day.setdefault(day, Counter())[failure_type] += count
    return AuditStats(since, until, counts.total(), by_type, by_status, by_day)


def _with_status(context: Context, audit_id: str, statuses: Sequence[ReplayStatus], rule: str) -> list[Failure]:
    context.require([ResourceKey.AUDIT_TABLE])
    found = list(context.audit_table.with_id(audit_id))
    if not found:
        raise NoSuchFailureError([audit_id])
    chosen = [failure for failure in found if failure.status in statuses]
    if not chosen:
        raise FailureStatusError(audit_id, found[-1].status, rule)
    return chosen


def _entries(context: Context, failures: Sequence[Failure]) -> list[AuditEntry]:
    now = context.aws.now()
    return [AuditEntry(failure, ExpiryClock.of(failure, now)) for failure in failures]


def _is_resolved(context: Context, failure: Failure, resolution: Resolution) -> bool:
    """Return whether the failure holds this resolution: the response of an update can be lost, and it is repeated.

    Raises:
        NoSuchFailureError: it has been deleted.
        FailureStatusError: it is no longer unresolved, for another reason.
    """
    current = context.audit_table.current(failure)
    if current is None:
        raise NoSuchFailureError([failure.audit_id])
    if current.status in UNRESOLVED:
        return False
    if current.item.get("resolvedAt") == rfc3339_milliseconds(resolution.at):
        return True
    raise FailureStatusError(failure.audit_id, current.status, "only unresolved failures can be resolved")


def _detail(context: Context, failure: Failure) -> AuditDetail:
    entry = AuditEntry(failure, ExpiryClock.of(failure, context.aws.now()))
    prefix = context.pipeline.names.stream_prefix(context.pipeline.physical.orders_table)
    where, reason = failure.range, failure.unreplayable(prefix)
    if reason or where is None:
        return AuditDetail(entry, unreadable=reason)
    try:
        return _with_records(context, entry, where)
    except AwsError as error:  # show what is known, although the records cannot be read
        return AuditDetail(entry, unreadable=error.message)


def _with_records(context: Context, entry: AuditEntry, where: StreamRange) -> AuditDetail:
    found: list[FoundRecord] = []
    missing, trimmed = {where.first, where.last}, set[SequenceNumber]()  # both ends of a range are records that failed
    for reading in context.record_reader.read(where):
        if isinstance(reading, Gap):
            trimmed |= {number for number in missing if reading.proves_trimmed(number)}
        if not isinstance(reading, Record) or not reading.is_replayed:
            continue
        if len(found) == MOST_RECORDS:
            return AuditDetail(entry, tuple(found), more_records=True)
        origin = Origin.QUARANTINE if reading.from_quarantine else Origin.STREAM
        found.append(FoundRecord(reading.number, origin, reading.event))
        missing.discard(reading.number)
    found += [FoundRecord(n, Origin.GONE if n in trimmed else Origin.UNREAD, None) for n in missing]
    return AuditDetail(entry, tuple(sorted(found, key=lambda each: each.sequence_number)))
