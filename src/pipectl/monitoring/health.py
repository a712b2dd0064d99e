"""Health of a running pipeline: one check for each way in which it can fail, and one verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from itertools import islice

from pipectl.context import Context
from pipectl.engine.model import Facts, facts_of
from pipectl.engine.parallel import parallel_map
from pipectl.facts import MappingFacts, QueueFacts
from pipectl.failures.audit_table import Selection
from pipectl.failures.dead_letter_queue import count_messages
from pipectl.failures.model import CLOSES_IT, UNRESOLVED
from pipectl.json_types import JsonValue
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.stream_progress import keeps_from_working
from pipectl.pause_tags import UNFINISHED_PAUSE
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import duration, expiry

LONGEST_AGE = 3600
"""Seconds that records may wait for the processor before the pipeline counts as failing."""
OLDEST_UNAUDITED = 300
"""Seconds that a message may wait for the auditor before it counts as stuck."""
LEAST_LEFT = timedelta(hours=6)
"""A pause that leaves the stream's records less time than this counts as failing."""
LOOK_BACK = timedelta(hours=48)
MOST_COUNTED = 1000


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
    LAGGING = "lagging"
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


def health(context: Context, facts: Mapping[str, Facts]) -> Health:
    """Make all checks at the same time. Reads only.

    Args:
        context: The pipeline.
        facts: The facts of the resources that exist and are managed.
    """
    now = context.aws.clock.now()
    metrics = Metrics(context, now)
    questions: dict[str, Callable[[], Check]] = {
        ResourceKey.STREAM_MAPPING: lambda: _stream_mapping(facts, now),
        ResourceKey.QUEUE_MAPPING: lambda: _mapping(ResourceKey.QUEUE_MAPPING, facts, "failures are not being audited"),
        "iterator-age": lambda: _iterator_age(metrics),
        "processor-errors": lambda: _errors("processor-errors", metrics.errors_of_last_hour("processor")),
        "auditor-errors": lambda: _errors("auditor-errors", metrics.errors_of_last_hour("auditor")),
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


def _mapping(key: str, facts: Mapping[str, Facts], consequence: str) -> Check:
    mapping = facts_of(facts, key, MappingFacts)
    if mapping is None:
        return _missing(key, Severity.FAILING, consequence)
    state, last = mapping.state, mapping.last_result
    if mapping.stopped:
        return Check(key, Severity.FAILING, Finding.STOPPED, state, f"{state}: {consequence}")
    if last.startswith("PROBLEM"):
        # A function that failed is invoked again, until its retries are exhausted; anything else stops the mapping.
        severity = Severity.FAILING if keeps_from_working(last) else Severity.DEGRADED
        return Check(key, severity, Finding.PROBLEM, state, f"last result: {last}")
    return Check(key, Severity.HEALTHY, Finding.OK, state, f"last result: {last or 'none yet'}")


def _stream_mapping(facts: Mapping[str, Facts], now: datetime) -> Check:
    """Check the stream mapping. A paused one is degraded, and failing when its records expire soon."""
    check = _mapping(ResourceKey.STREAM_MAPPING, facts, "orders are not being processed")
    mapping = facts_of(facts, ResourceKey.STREAM_MAPPING, MappingFacts)
    if mapping is None or mapping.pause is None:
        return check
    if mapping.enabled:
        severity = max(check.severity, Severity.DEGRADED)
        return Check(check.name, severity, Finding.PAUSE_UNFINISHED, check.value, UNFINISHED_PAUSE)
    left = mapping.pause.left(now)
    severity = Severity.FAILING if left is None or left < LEAST_LEFT else Severity.DEGRADED
    detail = f"{mapping.pause.describe(now)}: `pipectl resume` continues"
    return Check(check.name, severity, Finding.PAUSED, check.value, detail)


def _iterator_age(metrics: Metrics) -> Check:
    name, age = "iterator-age", metrics.iterator_age()
    if age is None:
        return Check(name, Severity.HEALTHY, Finding.OK, None, "no records in the last 15 minutes")
    severity, finding = (Severity.FAILING, Finding.LAGGING) if age > LONGEST_AGE else (Severity.HEALTHY, Finding.OK)
    waited = duration(timedelta(seconds=age))
    return Check(name, severity, finding, age, f"records waited up to {waited} in the last 15 minutes")


def _errors(name: str, errors: float | None) -> Check:
    count = int(errors or 0)
    severity, finding = (Severity.DEGRADED, Finding.ERRORS) if count else (Severity.HEALTHY, Finding.OK)
    return Check(name, severity, finding, count, f"{pluralize(count, 'error')} in the last hour")


def _queue(context: Context, facts: Mapping[str, Facts], metrics: Metrics) -> Check:
    name, queue = "queue", facts_of(facts, ResourceKey.DEAD_LETTER_QUEUE, QueueFacts)
    if queue is None:
        return _missing(name, Severity.FAILING, "failures are lost")
    depth = sum(count_messages(context.aws, queue.url))
    if not depth:
        return Check(name, Severity.HEALTHY, Finding.OK, 0, "no failure is waiting for the auditor")
    age = metrics.age_of_oldest_message()
    oldest = "of unknown age" if age is None else f"the oldest {duration(timedelta(seconds=age))}"
    late = age is None or age > OLDEST_UNAUDITED
    severity, finding = (Severity.DEGRADED, Finding.WAITING) if late else (Severity.HEALTHY, Finding.OK)
    return Check(name, severity, finding, depth, f"{pluralize(depth, 'message')} waiting for the auditor, {oldest}")


def _alarms(context: Context, facts: Mapping[str, Facts]) -> Check:
    names = [resource.name for key, resource in context.resources.items() if resource.kind == "alarm" and key in facts]
    if not names:
        return _missing("alarms", Severity.DEGRADED, "errors are not reported")
    answer = context.aws.cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    firing = sorted(alarm["AlarmName"] for alarm in answer if alarm["StateValue"] == "ALARM")
    if not firing:
        return Check("alarms", Severity.HEALTHY, Finding.OK, [], f"no alarm is firing ({len(answer)} checked)")
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
