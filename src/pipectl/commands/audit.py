"""`audit`: failures listed, shown, counted and resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from pipectl.aws.stream_records import EventRecord
from pipectl.commands.audit_lookup import explained_ones, find_failures, order_of, with_orders_of_stream
from pipectl.context import Context
from pipectl.engine.model import facts_of
from pipectl.errors import AwsError
from pipectl.facts import FunctionFacts, TableFacts
from pipectl.failures.audit_queries import Position
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.errors import MOST_CANDIDATES
from pipectl.failures.explanation import MOST_EXPLAINED, CauseGroup, Explanation, grouped
from pipectl.failures.model import Failure, Gap, Record, SequenceNumber, StreamRange
from pipectl.failures.processor_logs import Excerpt
from pipectl.failures.status import UNRESOLVED
from pipectl.failures.suspect_deploy import SuspectDeploy, deploy_of, suspect_deploy
from pipectl.failures.unresolved import gap
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import parse_timestamp

MOST_COUNTED = MOST_EXPLAINED
"""Failures that `audit list` counts and groups by cause: those whose reasons are read at once."""
MOST_COMPARED = 1000
"""Unresolved failures that are compared with a deployment."""
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
    """A failure with its explanation.

    Attributes:
        explanation: The failure, its orders, its reason, and the place of its records.
        expiry_clock: The times at which the stream trims its records.
        unreplayable: The reason why no replay can ever process it, if there is one.
    """

    explanation: Explanation
    expiry_clock: ExpiryClock
    unreplayable: str | None = None

    @property
    def failure(self) -> Failure:
        return self.explanation.failure


@dataclass(frozen=True)
class AuditSummary:
    """All failures of a selection.

    Attributes:
        count: Their number.
        more: There are more than were counted; `first` is not known then.
        first: The time of the oldest one.
        newest: The time of the newest one.
        causes: The failures by cause.
    """

    count: int
    more: bool
    first: datetime | None
    newest: datetime | None
    causes: tuple[CauseGroup, ...]


@dataclass(frozen=True)
class AuditPage:
    """Failures, newest first.

    Attributes:
        entries: The failures.
        next: The token of the next page; ``None`` on the last one.
        read_at: The time of the reading.
        summary: All failures; ``None`` on a page that continues another one.
        unexplained: Number of failures whose orders and reasons were not read, because there are too many.
        problems: Reasons why quarantine or log could not be read.
        incomplete: The reason why unresolved failures that are older than 48 hours may be missing.
        deploy: The deployment with which all unresolved failures began, if they did.
    """

    entries: tuple[AuditEntry, ...]
    next: str | None
    read_at: datetime
    summary: AuditSummary | None = None
    unexplained: int = 0
    problems: tuple[str, ...] = ()
    incomplete: str | None = None
    deploy: SuspectDeploy | None = None


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
        read_at: The time of the reading.
        excerpt: Log lines of the invocation that failed; ``None`` when they were not looked for.
        problems: Reasons why quarantine or log could not be read.
        records: The records in its range, in order, if they were read. A range is an upper bound: it can hold good
            records.
        more_records: There are more than are listed.
        unreadable: The reason why there are no records.
        deploy: The deployment with which all unresolved failures began, if this one is among them.
    """

    entry: AuditEntry
    read_at: datetime
    excerpt: Excerpt | None = None
    problems: tuple[str, ...] = ()
    records: tuple[FoundRecord, ...] = ()
    more_records: bool = False
    unreadable: str | None = None
    deploy: SuspectDeploy | None = None


def audit_list(context: Context, selection: Selection, *, limit: int = 20, page: str | None = None) -> AuditPage:
    """Return a page of failures, newest first over all types; with the first page, all of them by cause.

    Args:
        context: The pipeline.
        selection: The failures.
        limit: Maximum number of failures.
        page: The token of this page, from the one before; with the same ``selection``.

    Raises:
        UsageError: ``page`` is not a token.
    """
    position = Position.of_token(page) if page else None
    audit = context.require([ResourceKey.AUDIT_TABLE])[ResourceKey.AUDIT_TABLE].facts_as(TableFacts)
    most = limit if position else max(limit, MOST_COUNTED)
    found = context.audit_table.newest_first(selection, position, about=most + 1)
    listed = list(islice(found, most))
    more = next(found, None) is not None
    explained = with_orders_of_stream(context, explained_ones(context, [failure for failure, _ in listed]), limit)
    return AuditPage(
        tuple(entry_of(context, each) for each in explained.explanations[:limit]),
        listed[:limit][-1][1].token() if more or len(listed) > limit else None,
        context.aws.now(),
        None if page else _summary(explained.explanations, more=more),
        explained.unexplained,
        explained.problems,
        gap(context.audit_table, audit) if selection.since is None else None,
        None if page else _suspect_deploy(context, explained.explanations, more=more),
    )


def audit_show(context: Context, name: str, *, full: bool = False) -> list[AuditDetail]:
    """Return everything about a failure, or about all failures of an order, the newest first.

    Args:
        context: The pipeline.
        name: The failure's id, or the beginning of it, or the key of an order.
        full: Read all records of the range, from the stream, else from the quarantine. Without it they are read only
            when nothing else names the order.

    Raises:
        NoSuchFailureError: no failure has this id or order.
        AmbiguousIdError: several ids begin with ``name``, and no order has this key.
    """
    # The stream of a deleted table can be read for another 24 hours.
    context.require([ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET], or_absent=[ResourceKey.ORDERS_TABLE])
    found = find_failures(context, name)
    if found.other_ids:
        shown = ", ".join(found.other_ids[:MOST_CANDIDATES])
        context.reporter.note(f"{name} is shown as an order. It is also the beginning of an id: {shown}")
    explained = found.explained
    newest_first = sorted(explained.explanations, key=lambda each: each.failure.timestamp, reverse=True)
    deploy = _suspect_deploy(context, newest_first, more=True)
    details = [
        _detail(context, explanation, explained.problems, full=full, is_newest=place == 0)
        for place, explanation in enumerate(newest_first)
    ]
    return [replace(each, deploy=deploy if each.entry.failure.status in UNRESOLVED else None) for each in details]


def entry_of(context: Context, explanation: Explanation) -> AuditEntry:
    """Return a failure with the times at which its records are trimmed, and whether a replay can process it."""
    failure = explanation.failure
    prefix = context.pipeline.names.stream_prefix(context.pipeline.physical.orders_table)
    clock = ExpiryClock.of(failure, context.aws.now())
    return AuditEntry(explanation, clock, failure.unreplayable(prefix))


def _suspect_deploy(context: Context, shown: Sequence[Explanation], *, more: bool) -> SuspectDeploy | None:
    """Return the deployment with which all unresolved failures began; with ``more``, those not shown included.

    The others are read only when those that are shown are failures of the live version.
    """
    unresolved = [each for each in shown if each.failure.status in UNRESOLVED]
    processor = _processor(context) if unresolved else None
    if not unresolved:
        return None
    if not more:
        return suspect_deploy(unresolved, processor)
    if not deploy_of(unresolved, processor):
        return None
    found = context.audit_table.newest_first(UNRESOLVED_ONES)
    failures = [failure for failure, _ in islice(found, MOST_COMPARED + 1)]
    if len(failures) > MOST_COMPARED:
        return None
    return suspect_deploy(explained_ones(context, failures).explanations, processor)


def _processor(context: Context) -> FunctionFacts | None:
    """Return the facts of the processor; ``None`` when they cannot be read."""
    try:
        facts = context.facts(context.observe([ResourceKey.PROCESSOR]))
    except AwsError:
        return None
    return facts_of(facts, ResourceKey.PROCESSOR, FunctionFacts)


def _summary(explanations: Sequence[Explanation], *, more: bool) -> AuditSummary:
    times = [time for each in explanations if (time := parse_timestamp(each.failure.timestamp))]
    first = None if more else min(times, default=None)
    return AuditSummary(len(explanations), more, first, max(times, default=None), tuple(grouped(explanations)))


def _detail(
    context: Context, explanation: Explanation, problems: tuple[str, ...], *, full: bool, is_newest: bool
) -> AuditDetail:
    """Return the details of a failure; lines of the log only for the newest one."""
    excerpt = context.explainer.excerpt(explanation) if is_newest else None
    detail = AuditDetail(entry_of(context, explanation), context.aws.now(), excerpt, problems)
    where, reason = explanation.failure.range, detail.entry.unreplayable
    if reason or where is None:
        return replace(detail, unreadable=reason)
    if explanation.order_keys and not full:
        return detail
    try:
        found = _with_records(context, detail, where)
    except AwsError as error:  # show what is known, although the records cannot be read
        return replace(detail, unreadable=error.message)
    return found if explanation.order_keys else _with_orders(context, found)


def _with_orders(context: Context, detail: AuditDetail) -> AuditDetail:
    """Name the orders of the records that were read; nothing else names them."""
    orders = tuple(
        order_of(context, found.sequence_number, found.record, quarantined=found.origin is Origin.QUARANTINE)
        for found in detail.records
    )
    explanation = replace(detail.entry.explanation, orders=orders)
    return replace(detail, entry=replace(detail.entry, explanation=explanation))


def _with_records(context: Context, detail: AuditDetail, where: StreamRange) -> AuditDetail:
    found: list[FoundRecord] = []
    missing, trimmed = {where.first, where.last}, set[SequenceNumber]()  # both ends of a range are records that failed
    for reading in context.record_reader.read(where):
        if isinstance(reading, Gap):
            trimmed |= {number for number in missing if reading.proves_trimmed(number)}
        if not isinstance(reading, Record) or not reading.is_replayed:
            continue
        if len(found) == MOST_RECORDS:
            return replace(detail, records=tuple(found), more_records=True)
        origin = Origin.QUARANTINE if reading.from_quarantine else Origin.STREAM
        found.append(FoundRecord(reading.number, origin, reading.event))
        missing.discard(reading.number)
    found += [FoundRecord(n, Origin.GONE if n in trimmed else Origin.UNREAD, None) for n in missing]
    return replace(detail, records=tuple(sorted(found, key=lambda each: each.sequence_number)))
