"""`audit stats`: failures counted by type, status, cause and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pipectl.context import Context
from pipectl.engine.parallel import parallel_map
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES, Selection
from pipectl.failures.explanation import MOST_EXPLAINED, Explanation, grouped
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.failures.unresolved import gap
from pipectl.resource_keys import ResourceKey

BY_HOUR = timedelta(hours=48)
"""Longest period that is counted by hour, too."""
_LATE = timedelta(minutes=30)
"""Time for which a command may have run when it counts: ``--since 48h`` was 48 hours ago when it began."""
_HOUR = len("2026-01-31T12")
_DAY = len("2026-01-31")


@dataclass(frozen=True)
class CauseCount:
    """A cause, and the number of failures with it."""

    cause: str
    count: int


@dataclass(frozen=True)
class FailureCounts:
    """Counts of the failures of a period.

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


@dataclass(frozen=True)
class AuditStats(FailureCounts):
    """Counts of the failures of a period, and of the unresolved ones of any age.

    Attributes:
        unresolved: The unresolved failures of any age.
        oldest_unresolved: The time of the oldest of them, as its item has it.
        problems: Reasons why causes could not be read.
        incomplete: The reason why unresolved failures that are older than 48 hours may be missing.
    """

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
    counts = counted(context, since, until)
    unresolved = sum(counts.by_status.get(status, 0) for status in UNRESOLVED)
    unresolved += context.audit_table.count_unresolved_outside(since, until, context.cancel)
    first = next(context.audit_table.find(replace(UNRESOLVED_ONES, limit=1)), None) if unresolved else None
    incomplete = gap(context.audit_table, table)
    counts, problems = with_causes(context, counts)
    oldest = first.timestamp if first else None
    parts: dict[str, Any] = {each.name: getattr(counts, each.name) for each in fields(counts)}
    return AuditStats(
        **parts, unresolved=unresolved, oldest_unresolved=oldest, problems=problems, incomplete=incomplete
    )


def with_causes(
    context: Context, counts: FailureCounts, known: Iterable[Explanation] = ()
) -> tuple[FailureCounts, tuple[str, ...]]:
    """Add the causes of the newest failures. Return the counts, and why some causes could not be read.

    Args:
        context: The pipeline.
        counts: The counts.
        known: Failures that are explained already.
    """
    if not counts.total:
        return counts, ()
    context.reporter.step("reading causes")
    selection = Selection(counts.since, counts.until)
    listed = context.audit_table.newest_first(selection, about=MOST_EXPLAINED)
    newest = [failure for failure, _ in islice(listed, MOST_EXPLAINED)]
    found = {each.failure.key: each for each in known}
    explained = context.explainer.explain([failure for failure in newest if failure.key not in found])
    found |= {each.failure.key: each for each in explained.explanations}
    groups = grouped(found[failure.key] for failure in newest)
    causes = [CauseCount(group.cause, group.count) for group in groups]
    return replace(counts, by_cause=causes, explained=len(newest)), explained.problems


def counted(context: Context, since: datetime, until: datetime | None = None) -> FailureCounts:
    """Return the counts without causes. Memory does not grow with the number of failures."""
    now = context.aws.now()
    by_hour = is_by_hour(since, until or now)
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
    return FailureCounts(since, until, now, counts.total(), by_type, by_status, days, hours, (), 0)


def is_by_hour(since: datetime, until: datetime) -> bool:
    """Return whether a period is short enough to be counted by hour."""
    return until - since <= BY_HOUR + _LATE


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
