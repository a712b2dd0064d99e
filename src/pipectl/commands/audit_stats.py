"""`audit stats`: failures counted by type, status, cause and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from pipectl.context import Context
from pipectl.engine.parallel import parallel_map
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.explanation import MOST_EXPLAINED, grouped
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.failures.unresolved import gap
from pipectl.resource_keys import ResourceKey

BY_HOUR = timedelta(hours=48)
"""Longest period that is counted by hour, too."""
_HOUR = len("2026-01-31T12")
_DAY = len("2026-01-31")


@dataclass(frozen=True)
class CauseCount:
    """A cause, and the number of failures with it."""

    cause: str
    count: int


@dataclass(frozen=True)
class AuditStats:
    """Counts of the failures of a period, and of the unresolved ones of any age.

    Attributes:
        since: Start of the period.
        until: Its end; ``None`` for no limit.
        read_at: The time of the reading.
        total: Failures of the period.
        by_type: Their number by type.
        by_status: Their number by status.
        by_day: For each day in UTC with failures, the newest first, the count of each type.
        by_hour: The same for each hour, where the period is `BY_HOUR` at most; else empty.
        by_cause: The causes of the newest failures, the largest first.
        explained: The number of failures whose causes were looked for: the newest ones of the period.
        unresolved: The unresolved failures of any age.
        oldest_unresolved: The time of the oldest of them, as its item has it.
        problems: Reasons why causes could not be read.
        incomplete: The reason why unresolved failures that are older than 48 hours may be missing.
    """

    since: datetime
    until: datetime | None
    read_at: datetime
    total: int
    by_type: Mapping[str, int]
    by_status: Mapping[str, int]
    by_day: Mapping[str, Mapping[str, int]]
    by_hour: Mapping[str, Mapping[str, int]]
    by_cause: Sequence[CauseCount]
    explained: int
    unresolved: int
    oldest_unresolved: str | None
    problems: tuple[str, ...] = ()
    incomplete: str | None = None


def audit_stats(context: Context, since: datetime, until: datetime | None = None) -> AuditStats:
    """Count failures. Memory does not grow with their number; causes are read of `MOST_EXPLAINED` of them.

    Raises:
        RequirementError: the audit table is missing, or is not managed by this pipeline.
    """
    table = context.require([ResourceKey.AUDIT_TABLE])[ResourceKey.AUDIT_TABLE].facts_as(TableFacts)
    context.reporter.step("counting failures")
    found = replace(_counted(context, since, until), incomplete=gap(context.audit_table, table))
    if not found.total:
        return found
    context.reporter.step("reading causes")
    listed = context.audit_table.newest_first(Selection(since, until), about=MOST_EXPLAINED)
    newest = islice(listed, MOST_EXPLAINED)
    explained = context.explainer.explain([failure for failure, _ in newest])
    causes = [CauseCount(group.cause, group.count) for group in grouped(explained.explanations)]
    return replace(found, by_cause=causes, explained=len(explained.explanations), problems=explained.problems)


def _counted(context: Context, since: datetime, until: datetime | None) -> AuditStats:
    """Return the counts without causes."""
    now, table = context.aws.now(), context.audit_table
    by_hour = (until or now) - since <= BY_HOUR
    counts = _counts(context, Selection(since, until), _HOUR if by_hour else _DAY)
    by_type, by_status = Counter[str](), Counter[str]()
    days: dict[str, Counter[str]] = {}
    hours: dict[str, Counter[str]] = {}
    for (time, failure_type, status), count in sorted(counts.items(), reverse=True):
        by_type[failure_type] += count
        by_status[status] += count
        days.setdefault(time[:_DAY], Counter())[failure_type] += count
        if by_hour:
            hours.setdefault(f"{time}:00:00Z", Counter())[failure_type] += count
    unresolved = sum(by_status[status] for status in UNRESOLVED)
    unresolved += table.count_unresolved_outside(since, until, context.cancel)
    first = next(table.find(replace(UNRESOLVED_ONES, limit=1)), None) if unresolved else None
    oldest = first.timestamp if first else None
    return AuditStats(since, until, now, counts.total(), by_type, by_status, days, hours, (), 0, unresolved, oldest)


def _counts(context: Context, selection: Selection, length: int) -> Counter[tuple[str, str, ReplayStatus]]:
    """Count by the beginning of the time, type and status. The types are read in parallel."""

    def count(name: str) -> Counter[tuple[str, str, ReplayStatus]]:
        found = context.audit_table.statuses(replace(selection, types=(name,)))
        return Counter((timestamp[:length], name, status) for _, timestamp, status in found)

    counted = parallel_map(count, selection.types, cancel=context.cancel)
    counts = Counter[tuple[str, str, ReplayStatus]]()
    for of_type in counted.require_done("interrupted while counting failures").values():
        counts += of_type
    return counts
