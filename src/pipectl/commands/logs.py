"""`logs`: log lines of the functions, from CloudWatch Logs.

Lines of an order or a failure are found in two steps: CloudWatch Logs finds the lines that name it, then the rest of
those invocations is read from their log streams. A log stream holds one invocation after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pipectl.aws.log_entries import Invocations
from pipectl.context import Context
from pipectl.failures.model import Failure, SequenceNumber
from pipectl.monitoring.log_reader import MOST_STREAMS, LogLine, LogReader
from pipectl.resource_keys import LOG_GROUP_OF, ResourceKey

FOLLOW_SECONDS = 2.0
LATE = timedelta(seconds=30)
"""CloudWatch Logs reports a line up to some seconds after its time; `follow` reads again from this long before."""
MOST_PAGES = 120
"""Pages that one search reads, in half a minute or more."""
MOST_PERIODS = 10
"""Periods of which whole invocations are read, the newest ones."""
MOST_NEEDLES = 20
"""Sequence numbers and request ids in one filter pattern, which can have 1,024 characters."""
ERRORS = '?ERROR ?Error ?error ?CRITICAL ?FATAL ?Exception ?Traceback ?"  File " ?timeout ?"timed out" ?exited'
"""A filter pattern that finds more than the errors, in every form that `parse_entry` understands."""
_TERM = re.compile(r"[\w.:/@+-]+", re.ASCII)
"""Keys that a log has as they are. Others are escaped there, and CloudWatch Logs cannot find them."""
_NUMBER = re.compile(r"(?<!\d)\d{1,40}(?!\d)", re.ASCII)
_REQUEST = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass(frozen=True)
class Search:
    """A choice of log lines.

    Attributes:
        functions: ``processor``, ``auditor`` or both.
        since: Start time.
        until: End time; ``None`` for no limit.
        pattern: A filter pattern of CloudWatch Logs.
        order: The key of an order: only lines of invocations that name it.
        errors: Only errors.
        routine: Also Lambda's own lines about each invocation.
    """

    functions: tuple[str, ...]
    since: datetime
    until: datetime | None = None
    pattern: str | None = None
    order: str | None = None
    errors: bool = False
    routine: bool = False

    def includes(self, line: LogLine) -> bool:
        return line.entry.is_error if self.errors else self.routine or not line.entry.is_routine


@dataclass(frozen=True)
class SearchedFailure:
    """A failure whose lines were looked for.

    Attributes:
        audit_id: Its whole id.
        numbers: The sequence numbers that were looked for.
        requests: The request ids that were looked for.
        more: Number of further ones, which were not.
        problems: Reasons why the quarantine or the log could not be read for them.
    """

    audit_id: str
    numbers: tuple[SequenceNumber, ...]
    requests: tuple[str, ...]
    more: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogReport:
    """Log lines in the order of time.

    Attributes:
        lines: The lines.
        search: What was looked for.
        pages: Pages that were read.
        read_at: The time of the reading.
        complete: All lines of the period were searched; otherwise the newest are missing.
        whole_invocations: All lines of the invocations were read; otherwise those of the newest only.
        failure: The failure that was looked for, if one was.
    """

    lines: tuple[LogLine, ...]
    search: Search
    pages: int
    read_at: datetime
    complete: bool = True
    whole_invocations: bool = True
    failure: SearchedFailure | None = None


class _Subject(Protocol):
    """A choice of lines by what they name."""

    @property
    def pattern(self) -> str | None: ...

    def names(self, line: LogLine) -> bool: ...

    def is_other(self, line: LogLine) -> bool:
        """Return whether the line is about another order."""


def logs(context: Context, search: Search) -> LogReport:
    """Return log lines. Reads only.

    Raises:
        RequirementError: a log group is missing, or is not managed by this pipeline.
    """
    _require(context, search)
    if search.order is not None:
        return _about(context, search, _Order(search.order))
    reader = LogReader(context, MOST_PAGES if search.errors else None)
    lines = reader.lines(search.functions, search.since, search.until, search.pattern or _errors_of(search))
    return LogReport(tuple(filter(search.includes, lines)), search, reader.pages, context.aws.now(), not reader.stopped)


def logs_of_failure(context: Context, prefix: str, search: Search) -> LogReport:
    """Return the log lines about a failure's records, since they were written. Reads only.

    Args:
        context: The pipeline.
        prefix: The failure's id, or its beginning.
        search: The functions, and the kinds of lines.

    Raises:
        NoSuchFailureError: there is none.
        AmbiguousIdError: several ids begin with ``prefix``.
        RequirementError: audit table or log group are missing, or are not managed by this pipeline.
    """
    _require(context, search, ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET)
    found = context.audit_table.with_prefix(prefix)
    failure = _searched(context, found)
    times = [arrival[0] for each in found if (arrival := each.arrival)]
    search = replace(search, since=min(times, default=search.since) - LATE)
    subject = _FailedRecords(failure)
    if subject.pattern is None:
        return LogReport((), search, 0, context.aws.now(), failure=failure)
    return replace(_about(context, search, subject), failure=failure)


def follow(context: Context, search: Search) -> Iterator[list[LogLine]]:
    """Yield log lines, and then the new ones of each poll, until interrupted.

    A poll is one call for each function. Where a poll takes long, as it does when AWS throttles, the pause is as long.
    """
    _require(context, search)
    seen: dict[str, datetime] = {}
    invocations, since, clock = _Invocations(), search.since, context.aws.clock
    pattern = search.pattern or _errors_of(search)
    while True:
        read_at, started = context.aws.now(), clock.monotonic()
        lines = LogReader(context).lines(search.functions, since, None, pattern)
        took = clock.monotonic() - started
        new = [line for line in lines if line.event_id not in seen]
        seen |= {line.event_id: line.time for line in new}
        if search.order is not None:
            new = invocations.about(_Order(search.order), new)
        yield list(filter(search.includes, new))
        since = max(since, read_at - LATE)
        seen = {event_id: time for event_id, time in seen.items() if time >= since}
        clock.sleep(max(FOLLOW_SECONDS, took))


def _require(context: Context, search: Search, *more: ResourceKey) -> None:
    context.require([*(LOG_GROUP_OF[function] for function in search.functions), *more])


def _errors_of(search: Search) -> str | None:
    return ERRORS if search.errors and search.order is None else None


def _about(context: Context, search: Search, subject: _Subject) -> LogReport:
    """Return the lines of the invocations that name a subject, without lines about other orders."""
    reader = LogReader(context, MOST_PAGES)
    named = [
        line
        for line in reader.lines(search.functions, search.since, search.until, subject.pattern)
        if subject.names(line)
    ]
    complete, whole = not reader.stopped, True
    lines: dict[str, LogLine] = {}
    for function in search.functions:
        margin = timedelta(seconds=getattr(context.config, function).timeout)
        periods = _periods([line for line in named if line.function == function], margin)
        whole = whole and len(periods) <= MOST_PERIODS
        for period in periods[-MOST_PERIODS:]:
            streams = list(dict.fromkeys(line.stream for line in period))[-MOST_STREAMS:]
            since, until = period[0].time - margin, period[-1].time + margin
            around = reader.lines([function], since, until, streams=list(filter(None, streams)))
            lines |= {line.event_id: line for line in _Invocations().about(subject, around)}
    lines |= {line.event_id: line for line in named if line.event_id not in lines}  # they keep the order of a reading
    found = sorted(filter(search.includes, lines.values()), key=lambda line: line.time)
    return LogReport(tuple(found), search, reader.pages, context.aws.now(), complete, whole and not reader.stopped)


def _periods(lines: Sequence[LogLine], margin: timedelta) -> list[list[LogLine]]:
    """Return lines, in the order of time, by periods between which no invocation can last."""
    periods: list[list[LogLine]] = []
    for line in lines:
        if periods and line.time - periods[-1][-1].time <= 2 * margin:
            periods[-1].append(line)
        else:
            periods.append([line])
    return periods


class _Invocations:
    """The invocations of log streams, while their lines are read in the order of time."""

    def __init__(self) -> None:
        self._invocations = Invocations()
        self._wanted: set[str] = set()

    def about(self, subject: _Subject, lines: Iterable[LogLine]) -> list[LogLine]:
        """Return the lines of the invocations that name a subject, without lines about other orders."""
        requests = [(line, self._invocations.request_of(line.stream, line.entry)) for line in lines]
        self._wanted |= {request for line, request in requests if request and subject.names(line)}
        return [
            line
            for line, request in requests
            if subject.names(line) or (request in self._wanted and not subject.is_other(line))
        ]


@dataclass(frozen=True)
class _Order:
    """Lines about an order."""

    key: str

    @property
    def pattern(self) -> str | None:
        return f'"{self.key}"' if _TERM.fullmatch(self.key) else None

    def names(self, line: LogLine) -> bool:
        return self.key in line.orders

    def is_other(self, line: LogLine) -> bool:
        return bool(line.orders) and not self.names(line)


@dataclass(frozen=True)
class _FailedRecords:
    """Lines about the records of a failure."""

    failure: SearchedFailure

    @property
    def pattern(self) -> str | None:
        return " ".join(f'?"{needle}"' for needle in (*self.failure.numbers, *self.failure.requests)) or None

    def names(self, line: LogLine) -> bool:
        numbers = set(map(int, _NUMBER.findall(line.message)))
        if not numbers.isdisjoint(number.value for number in self.failure.numbers):
            return True
        return line.entry.request_id in self.failure.requests and not line.orders

    def is_other(self, line: LogLine) -> bool:
        return bool(line.orders) and not self.names(line)


def _searched(context: Context, failures: Sequence[Failure]) -> SearchedFailure:
    """Return what the lines of a failure name: its records, and the invocations in which they failed."""
    explained = context.explainer.explain(failures)
    orders = [order for each in explained.explanations for order in each.orders]
    numbers = dict.fromkeys(order.number for order in orders if order.number)
    named = [order.cause.request_id for order in orders if order.cause]
    named += (str(failure.item.get("requestId")) for failure in failures)
    requests = dict.fromkeys(request for request in named if request and _REQUEST.fullmatch(request))
    chosen_requests = tuple(requests)[: MOST_NEEDLES // 2]
    chosen = tuple(numbers)[: MOST_NEEDLES - len(chosen_requests)]
    more = len(numbers) + len(requests) - len(chosen) - len(chosen_requests)
    return SearchedFailure(failures[0].audit_id, chosen, chosen_requests, more, explained.problems)
