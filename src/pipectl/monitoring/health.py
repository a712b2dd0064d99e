"""Health of a running pipeline: one check for each way in which it can fail, and one verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from itertools import islice, takewhile
from typing import Literal

from pipectl.context import Context
from pipectl.engine.model import Facts, facts_of
from pipectl.engine.parallel import parallel_map
from pipectl.facts import AlarmFacts, FunctionFacts, MappingFacts, QueueFacts, waiting_retention
from pipectl.failures.audit_table import Selection
from pipectl.failures.dead_letter_queue import count_messages
from pipectl.failures.model import CLOSES_IT, UNRESOLVED
from pipectl.json_types import JsonValue
from pipectl.monitoring.metrics import METRICS_LATE, RECENTLY, Metrics
from pipectl.monitoring.stream_progress import Progress, keeps_from_working, progress
from pipectl.pause_tags import UNFINISHED_PAUSE
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import duration, expiry, relative

LONGEST_AGE = 3600
"""Seconds that records may wait for the processor before the pipeline counts as failing."""
OLDEST_UNAUDITED = timedelta(minutes=5)
"""Time that a message may wait for the auditor before it counts as stuck."""
LEAST_LEFT = timedelta(hours=6)
"""A pause that leaves the stream's records less time than this counts as failing."""
LOOK_BACK = timedelta(hours=48)
HOUR = timedelta(hours=1)
MOST_COUNTED = 1000
_NOT_ORDERS = "writes that change nothing, and batches and transactions of deletions alone, count as written orders"


class Severity(IntEnum):
    """The severity of a check. The verdict is the highest of all."""

    HEALTHY = 0
    UNKNOWN = 1
    DEGRADED = 2
    FAILING = 3


class Finding(StrEnum):
    """The result of a check, as a code."""

    OK = "ok"
    UNKNOWN = "unknown"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    STOPPED = "stopped"
    PAUSED = "paused"
    PAUSE_UNFINISHED = "pause-unfinished"
    PROBLEM = "problem"
    CATCHING_UP = "catching-up"
    LAGGING = "lagging"
    STANDSTILL = "standstill"
    THROTTLED = "throttled"
    ERRORS = "errors"
    WAITING = "waiting"
    ALARM = "alarm"
    OPEN_FAILURES = "open-failures"


@dataclass(frozen=True)
class Check:
    """The result of one check. A check that cannot be made is never healthy.

    Args:
        name: The subject, such as ``iterator-age``.
        severity: How severe the finding is.
        finding: The result as a code.
        value: The figure that was measured.
        detail: The result in words.
    """

    name: str
    severity: Severity
    finding: Finding
    value: JsonValue
    detail: str

    @property
    def ok(self) -> bool:
        return self.severity is Severity.HEALTHY


@dataclass(frozen=True)
class Health:
    """All checks."""

    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Severity:
        return max((check.severity for check in self.checks), default=Severity.HEALTHY)


def health(context: Context, facts: Mapping[str, Facts], metrics: Metrics | None = None) -> Health:
    """Make all checks at the same time. Reads only.

    Args:
        context: The pipeline.
        facts: The facts of the resources that exist and are managed.
        metrics: The metrics, where the caller has used them already.
    """
    metrics = metrics or Metrics.of(context, context.aws.clock.now())
    now = metrics.now

    def read() -> Progress:
        return progress(context, facts, now, metrics=metrics)

    questions: dict[str, Callable[[], Check]] = {
        ResourceKey.STREAM_MAPPING: lambda: _stream_mapping(facts, metrics),
        ResourceKey.QUEUE_MAPPING: lambda: _queue_mapping(facts),
        "iterator-age": lambda: _iterator_age(read(), metrics, facts),
        "processor-errors": lambda: _errors("processor-errors", metrics.total("processor_errors", HOUR)),
        "processor-throttles": lambda: _throttles("processor", metrics, facts, stopped=read().throttled),
        "auditor-errors": lambda: _errors("auditor-errors", metrics.total("auditor_errors", HOUR)),
        "auditor-throttles": lambda: _throttles("auditor", metrics, facts),
        "queue": lambda: _queue(context, facts, metrics),
        "alarms": lambda: _alarms(context, facts),
        "open-failures": lambda: _open_failures(context, facts, now),
    }
    results = parallel_map(lambda name: questions[name](), questions, cancel=context.cancel)
    unread = {
        name: Check(name, Severity.DEGRADED, Finding.UNREADABLE, None, f"cannot be read: {error.message}")
        for name, error in results.failed.items()
    }
    return Health(tuple((results.done | unread)[name] for name in questions))


def _missing(name: str, severity: Severity, consequence: str) -> Check:
    return Check(name, severity, Finding.MISSING, None, f"missing or not managed: {consequence}")


def _state(key: str, mapping: MappingFacts, consequence: str) -> Check:
    """Check that a mapping reads its source."""
    if mapping.stopped:
        return Check(key, Severity.FAILING, Finding.STOPPED, mapping.state, f"{mapping.state}: {consequence}")
    return Check(key, Severity.HEALTHY, Finding.OK, mapping.state, mapping.state)


def _queue_mapping(facts: Mapping[str, Facts]) -> Check:
    """Check the queue mapping. AWS reports no result of it: the checks of queue and auditor do."""
    key, consequence = ResourceKey.QUEUE_MAPPING, "failures are not being audited"
    mapping = facts_of(facts, key, MappingFacts)
    return _state(key, mapping, consequence) if mapping else _missing(key, Severity.FAILING, consequence)


def _stream_mapping(facts: Mapping[str, Facts], metrics: Metrics) -> Check:
    """Check the stream mapping. A paused one is degraded, and failing when its records expire soon."""
    key, consequence = ResourceKey.STREAM_MAPPING, "orders are not being processed"
    mapping = facts_of(facts, key, MappingFacts)
    if mapping is None:
        return _missing(key, Severity.FAILING, consequence)
    check = _last_result(mapping, metrics)
    if check.ok:
        check = _state(key, mapping, consequence)
    if check.ok and mapping.catching_up:
        check = Check(key, Severity.UNKNOWN, Finding.CATCHING_UP, mapping.state, mapping.catching_up.describe())
    if mapping.pause is None:
        return check
    if mapping.enabled:
        severity = max(check.severity, Severity.DEGRADED)
        return Check(key, severity, Finding.PAUSE_UNFINISHED, check.value, UNFINISHED_PAUSE)
    left = mapping.pause.left(metrics.now)
    severity = Severity.FAILING if left is None or left < LEAST_LEFT else Severity.DEGRADED
    detail = f"{mapping.pause.describe(metrics.now)}: `pipectl resume` continues"
    return Check(key, severity, Finding.PAUSED, check.value, detail)


def _last_result(mapping: MappingFacts, metrics: Metrics) -> Check:
    """Check the last result. On a quiet table it stays: a failed call counts only while the processor has errors."""
    key, last = ResourceKey.STREAM_MAPPING, mapping.last_result
    if keeps_from_working(last):
        return Check(key, Severity.FAILING, Finding.PROBLEM, mapping.state, f"last result: {last}")
    if last.startswith("PROBLEM") and metrics.total("processor_errors"):
        return Check(key, Severity.DEGRADED, Finding.PROBLEM, mapping.state, f"last result: {last}")
    return Check(key, Severity.HEALTHY, Finding.OK, mapping.state, mapping.state)


def _iterator_age(read: Progress, metrics: Metrics, facts: Mapping[str, Facts]) -> Check:
    """Check how long records wait. Orders that were written while nothing was processed may be waiting.

    Silence alone only degrades, however long it lasts: not every write that is counted makes a record. That records do
    wait is reported by their age, the throttles of the processor, or the state of the mapping.
    """
    name, ages = "iterator-age", [point.value / 1000 for point in metrics.recent("iterator_age")]
    age = max(ages, default=None)
    if age is not None and age > LONGEST_AGE:
        return Check(name, Severity.FAILING, Finding.LAGGING, age, f"{_waited(age)}; {_limit(facts)}")
    if (reason := read.stopped or read.unknown) is None:
        return Check(name, Severity.HEALTHY, Finding.OK, age, _quiet(metrics) if age is None else _waited(age))
    if read.stopped and not read.throttled:
        return Check(name, Severity.UNKNOWN, Finding.UNKNOWN, age, "the stream mapping does not read")
    silent = metrics.now - read.silent_since if read.silent_since else timedelta(0)
    if silent <= RECENTLY:
        return Check(name, Severity.UNKNOWN, Finding.UNKNOWN, age, reason)
    detail = f"{reason} ({_NOT_ORDERS}); {_limit(facts)}"
    return Check(name, Severity.DEGRADED, Finding.STANDSTILL, age, detail)


def _limit(facts: Mapping[str, Facts]) -> str:
    limit = waiting_retention(facts_of(facts, ResourceKey.STREAM_MAPPING, MappingFacts))
    return f"records can wait for {duration(limit)}"


def _waited(age: float) -> str:
    return f"records waited up to {duration(timedelta(seconds=age))} in the last 15 minutes"


def _quiet(metrics: Metrics) -> str:
    written = metrics.last_nonzero("writes")
    last = f"the last write was {relative(written, metrics.now)}" if written else "no write in the last 24 hours"
    return f"no record waits: {last} (metrics of the last {duration(METRICS_LATE)} are not known yet)"


def _errors(name: str, count: int) -> Check:
    severity, finding = (Severity.DEGRADED, Finding.ERRORS) if count else (Severity.HEALTHY, Finding.OK)
    return Check(name, severity, finding, count, f"{pluralize(count, 'error')} in the last hour")


def _throttles(
    function: Literal["processor", "auditor"], metrics: Metrics, facts: Mapping[str, Facts], *, stopped: bool = False
) -> Check:
    name, found = f"{function}-throttles", facts_of(facts, function, FunctionFacts)
    if found and found.held:
        consequence = "orders are not being processed" if function == "processor" else "failures are not being audited"
        detail = f"reserved concurrency 0: {consequence}"
        return Check(name, Severity.FAILING, Finding.STOPPED, 0, detail)
    count = metrics.total("processor_throttles" if function == "processor" else "auditor_throttles")
    severity = Severity.FAILING if stopped else Severity.DEGRADED if count else Severity.HEALTHY
    finding = Finding.THROTTLED if count else Finding.OK
    detail = f"throttled {pluralize(count, 'time')} in the last 15 minutes"
    return Check(name, severity, finding, count, detail)


def _queue(context: Context, facts: Mapping[str, Facts], metrics: Metrics) -> Check:
    name, queue = "queue", facts_of(facts, ResourceKey.DEAD_LETTER_QUEUE, QueueFacts)
    if queue is None:
        return _missing(name, Severity.FAILING, "failures are lost")
    depth = sum(count_messages(context.aws, queue.url))
    if not depth:
        return Check(name, Severity.HEALTHY, Finding.OK, 0, "no failure is waiting for the auditor")
    age, busy = _age_of_oldest(metrics), _not_empty_for(metrics)
    waited = max((time for time in (age, busy) if time is not None), default=None)
    since = f"for {duration(waited)}" if waited is not None else "for an unknown time"
    severity, finding = Severity.HEALTHY, Finding.OK
    if waited is None:
        severity, finding = Severity.UNKNOWN, Finding.UNKNOWN
    elif (age and age > OLDEST_UNAUDITED) or (busy and busy > RECENTLY):
        severity, finding = Severity.DEGRADED, Finding.WAITING
    return Check(name, severity, finding, depth, f"{pluralize(depth, 'message')} waiting for the auditor, {since}")


def _age_of_oldest(metrics: Metrics) -> timedelta | None:
    """Return the age of the oldest message in the queue. A message that was received three times does not count."""
    recent = metrics.recent("oldest_message")
    return timedelta(seconds=recent[0].value) if recent else None


def _not_empty_for(metrics: Metrics) -> timedelta | None:
    """Return for how long the queue was never empty, messages that are being audited included."""
    depths: dict[datetime, float] = defaultdict(float)
    for point in (*metrics.points("visible_messages"), *metrics.points("hidden_messages")):
        depths[point.start] += point.value
    if not depths or metrics.now - max(depths) > RECENTLY:
        return None
    not_empty = takewhile(lambda start: depths[start] > 0, sorted(depths, reverse=True))
    return metrics.now - min(not_empty, default=metrics.now)


def _alarms(context: Context, facts: Mapping[str, Facts]) -> Check:
    alarms = {context.resources[key].name: found for key, found in facts.items() if isinstance(found, AlarmFacts)}
    if not alarms:
        return _missing("alarms", Severity.DEGRADED, "errors are not reported")
    firing = sorted(name for name, found in alarms.items() if found.state == "ALARM")
    if not firing:
        return Check("alarms", Severity.HEALTHY, Finding.OK, [], f"no alarm is firing ({len(alarms)} checked)")
    errors = context.pipeline.physical.errors_alarm in firing
    severity = Severity.FAILING if errors else Severity.DEGRADED
    return Check("alarms", severity, Finding.ALARM, list(firing), f"firing: {', '.join(firing)}")


def _open_failures(context: Context, facts: Mapping[str, Facts], now: datetime) -> Check:
    """Count the unresolved failures, and report when the first of their records expires."""
    name = "open-failures"
    if ResourceKey.AUDIT_TABLE not in facts:
        return _missing(name, Severity.DEGRADED, "failures are not recorded")
    found = list(islice(context.audit_table.find(Selection(now - LOOK_BACK, statuses=UNRESOLVED)), MOST_COUNTED))
    if not found:
        return Check(name, Severity.HEALTHY, Finding.OK, 0, "none in the last 48 hours")
    count = f"{len(found)}{'+' if len(found) == MOST_COUNTED else ''}"
    detail = f"{count} unresolved"
    prefix = context.pipeline.names.stream_prefix(context.pipeline.physical.orders_table)
    if never := sum(failure.unreplayable(prefix) is not None for failure in found):
        detail += f", {never} of them can never be replayed: see `pipectl audit list`; {CLOSES_IT}"
    clocks = sorted(failure.starts_to_expire for failure in found if failure.starts_to_expire)
    if clocks:
        detail += f"; records {expiry(clocks[0] - now)}"
    return Check(name, Severity.DEGRADED, Finding.OPEN_FAILURES, len(found), detail)
