"""Is it well? One check per thing that can go wrong while it runs, and one verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import islice
from typing import Any

from pipectl.context import Context
from pipectl.engine.model import Facts, facts_of
from pipectl.engine.parallel import parallel_map
from pipectl.facts import MappingFacts, QueueFacts
from pipectl.failures.model import UNRESOLVED
from pipectl.failures.trail import failures
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.stream_progress import keeps_from_working
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize

HOUR = 3600
OLDEST_UNAUDITED = 300
"""Seconds that a message may wait for the auditor before it counts as stuck."""
LEAST_LEFT = timedelta(hours=6)
"""A pause that leaves the stream's records less time than this is an emergency."""
LOOK_BACK = timedelta(hours=48)
MOST_COUNTED = 1000


class Severity(IntEnum):
    """How bad. The verdict is the worst of all checks."""

    HEALTHY = 0
    DEGRADED = 1
    FAILING = 2


@dataclass(frozen=True)
class Check:
    """One question about the running pipeline. What cannot be read never passes."""

    name: str
    severity: Severity
    value: Any
    detail: str

    @property
    def ok(self) -> bool:
        return self.severity is Severity.HEALTHY


@dataclass(frozen=True)
class Health:
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Severity:
        return max((check.severity for check in self.checks), default=Severity.HEALTHY)


def health(context: Context, facts: Mapping[str, Facts]) -> Health:
    """Ask everything at once. Reads only.

    Args:
        context: The pipeline.
        facts: Those of the resources that exist and are ours.
    """
    now = context.aws.clock.now()
    metrics = Metrics(context, now)
    questions: dict[str, Callable[[], Check]] = {
        ResourceKey.STREAM_MAPPING: lambda: _stream_mapping(facts, now),
        ResourceKey.QUEUE_MAPPING: lambda: _mapping(ResourceKey.QUEUE_MAPPING, facts, "failures are not being audited"),
        "iterator-age": lambda: _iterator_age(metrics),
        "processor-errors": lambda: _errors("processor-errors", metrics.of_last_hour("processor")),
        "auditor-errors": lambda: _errors("auditor-errors", metrics.of_last_hour("auditor")),
        "queue": lambda: _queue(context, facts, metrics),
        "alarms": lambda: _alarms(context, facts),
        "open-failures": lambda: _open_failures(context, facts, now),
    }
    results = parallel_map(lambda name: questions[name](), questions, cancel=context.cancel)
    unread = {
        name: Check(name, Severity.DEGRADED, None, f"cannot be read: {error.message}")
        for name, error in results.failed.items()
    }
    return Health(tuple((results.done | unread)[name] for name in questions))


def _mapping(key: str, facts: Mapping[str, Facts], consequence: str) -> Check:
    mapping = facts_of(facts, key, MappingFacts)
    if mapping is None:
        return Check(key, Severity.FAILING, None, f"not there, or not ours: {consequence}")
    state, last = mapping.state, mapping.last_result
    if mapping.stopped:
        return Check(key, Severity.FAILING, state, f"{state}: {consequence}")
    if last.startswith("PROBLEM"):
        # A function that failed is retried, and given up at last; anything else keeps the mapping from working at all.
        severity = Severity.FAILING if keeps_from_working(last) else Severity.DEGRADED
        return Check(key, severity, state, f"last result: {last}")
    return Check(key, Severity.HEALTHY, state, f"last result: {last or 'none yet'}")


def _stream_mapping(facts: Mapping[str, Facts], now: datetime) -> Check:
    """One that is paused is not well, and worse the nearer the stream comes to forgetting what waits in it."""
    check = _mapping(ResourceKey.STREAM_MAPPING, facts, "orders are not being processed")
    mapping = facts_of(facts, ResourceKey.STREAM_MAPPING, MappingFacts)
    pause = mapping.pause if mapping else None
    if mapping is None or pause is None:
        return check
    if mapping.enabled:
        detail = "a pause was begun and not ended: `pipectl pause` or `pipectl resume` does so"
        return Check(check.name, max(check.severity, Severity.DEGRADED), check.value, detail)
    left = pause.left(now)
    severity = Severity.FAILING if left is None or left < LEAST_LEFT else Severity.DEGRADED
    return Check(check.name, severity, check.value, f"{pause.words(now)}: `pipectl resume` goes on")


def _iterator_age(metrics: Metrics) -> Check:
    age = metrics.iterator_age()
    if age is None:
        return Check("iterator-age", Severity.HEALTHY, None, "no records in the last 15 minutes")
    severity = Severity.FAILING if age > HOUR else Severity.HEALTHY
    return Check("iterator-age", severity, age, f"records waited up to {age:.0f} s in the last 15 minutes")


def _errors(name: str, errors: float | None) -> Check:
    count = int(errors or 0)
    severity = Severity.DEGRADED if count else Severity.HEALTHY
    return Check(name, severity, count, f"{pluralize(count, 'error')} in the last hour")


def _queue(context: Context, facts: Mapping[str, Facts], metrics: Metrics) -> Check:
    queue = facts_of(facts, ResourceKey.DEAD_LETTER_QUEUE, QueueFacts)
    if queue is None:
        return Check("queue", Severity.FAILING, None, "not there, or not ours: failures are lost")
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = context.aws.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    depth = sum(int(value) for value in answer.values())
    if not depth:
        return Check("queue", Severity.HEALTHY, 0, "no failure waits for the auditor")
    age = metrics.age_of_oldest_message()
    if age is not None and age <= OLDEST_UNAUDITED:
        return Check(
            "queue",
            Severity.HEALTHY,
            depth,
            f"{pluralize(depth, 'message')} on the way to the auditor, the oldest {age:.0f} s",
        )
    oldest = "of unknown age" if age is None else f"the oldest {age:.0f} s"
    return Check("queue", Severity.DEGRADED, depth, f"{pluralize(depth, 'message')} waiting for the auditor, {oldest}")


def _alarms(context: Context, facts: Mapping[str, Facts]) -> Check:
    names = [resource.name for key, resource in context.resources.items() if resource.kind == "alarm" and key in facts]
    if not names:
        return Check("alarms", Severity.DEGRADED, None, "not there, or not ours: nobody is told of errors")
    answer = context.aws.cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    on = sorted(alarm["AlarmName"] for alarm in answer if alarm["StateValue"] == "ALARM")
    if not on:
        return Check("alarms", Severity.HEALTHY, [], f"none of {pluralize(len(answer), 'alarm')} is on")
    errors_on = context.pipeline.physical.errors_alarm in on
    return Check("alarms", Severity.FAILING if errors_on else Severity.DEGRADED, on, f"in ALARM: {', '.join(on)}")


def _open_failures(context: Context, facts: Mapping[str, Facts], now: datetime) -> Check:
    """How many wait for a replay, and when the stream forgets the first of their records."""
    if ResourceKey.AUDIT_TABLE not in facts:
        return Check("open-failures", Severity.DEGRADED, None, "not there, or not ours: nobody keeps what failed")
    table = context.pipeline.physical.audit_table
    found = list(
        islice(failures(context.aws, table, since=now - LOOK_BACK, until=now, statuses=UNRESOLVED), MOST_COUNTED)
    )
    if not found:
        return Check("open-failures", Severity.HEALTHY, 0, "none in the last 48 hours")
    count = f"{len(found)}{'+' if len(found) == MOST_COUNTED else ''}"
    clocks = sorted(failure.starts_to_expire for failure in found if failure.starts_to_expire)
    detail = f"{count} {'waits' if len(found) == 1 else 'wait'} for a replay"
    if clocks:
        left = (clocks[0] - now).total_seconds() / HOUR
        detail += f"; records expire in {left:.1f} h" if left > 0 else f"; records expire since {-left:.1f} h"
    return Check("open-failures", Severity.DEGRADED, len(found), detail)
