"""Checks of a running pipeline: one for each way in which it can fail. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from itertools import takewhile
from typing import Literal

from pipectl.engine.model import Facts, facts_of
from pipectl.facts import FunctionFacts, MappingFacts, waiting_retention
from pipectl.failures.explanation import Safety
from pipectl.failures.suspect_deploy import SuspectDeploy
from pipectl.json_types import JsonValue
from pipectl.monitoring.activity import HOUR, Activity, Deploy
from pipectl.monitoring.alarms import FiringAlarm
from pipectl.monitoring.metrics import METRICS_LATE, PERIOD, RECENTLY, Metrics, Series
from pipectl.monitoring.stream_progress import Progress, keeps_from_working
from pipectl.monitoring.unresolved import Unresolved
from pipectl.pause_tags import UNFINISHED_PAUSE
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import duration, relative, short_time

LONGEST_AGE = 3600
"""Seconds that records may wait for the processor before the pipeline counts as failing."""
OLDEST_UNAUDITED = timedelta(minutes=5)
"""Time that a message may wait for the auditor before it counts as stuck."""
LEAST_LEFT = timedelta(hours=6)
"""A pause that leaves the stream's records less time than this counts as failing, and so do failures."""
_NOT_ORDERS = "writes that change nothing, and batches and transactions of deletions alone, count as written orders"
_WATCH = "status --watch"


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
    NOT_PROVEN = "not-proven"
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
    RETRYING = "retrying"
    ALARM = "alarm"
    ALARM_ENDING = "alarm-ending"
    OPEN_FAILURES = "open-failures"


@dataclass(frozen=True)
class Check:
    """The result of one check. A check that cannot be made is never healthy.

    Args:
        name: The subject, such as ``iterator-age``.
        severity: How severe the finding is.
        finding: The result as a code.
        value: The figure that was measured.
        detail: The result as a sentence.
        command: The pipectl command that helps, without ``pipectl``.
    """

    name: str
    severity: Severity
    finding: Finding
    value: JsonValue
    detail: str
    command: str | None = None

    @property
    def ok(self) -> bool:
        return self.severity is Severity.HEALTHY


@dataclass(frozen=True)
class _Mapping:
    """A mapping in sentences, and the consequence when it does not read."""

    key: Literal[ResourceKey.STREAM_MAPPING, ResourceKey.QUEUE_MAPPING]
    noun: str
    consequence: str


_STREAM = _Mapping(ResourceKey.STREAM_MAPPING, "stream mapping", "orders are not being processed")
_QUEUE = _Mapping(ResourceKey.QUEUE_MAPPING, "queue mapping", "failures are not being audited")


def unreadable(name: str, message: str) -> Check:
    return Check(name, Severity.DEGRADED, Finding.UNREADABLE, None, f"{name} cannot be read: {message}", "doctor")


def missing(name: str, noun: str, severity: Severity, consequence: str) -> Check:
    return Check(name, severity, Finding.MISSING, None, f"{noun} missing or not managed: {consequence}", "plan")


def _state(about: _Mapping, mapping: MappingFacts) -> Check:
    """Check that a mapping reads its source."""
    if not mapping.stopped:
        return Check(about.key, Severity.HEALTHY, Finding.OK, mapping.state, mapping.state)
    detail = f"the {about.noun} is {mapping.state}: {about.consequence}"
    return Check(about.key, Severity.FAILING, Finding.STOPPED, mapping.state, detail, "up")


def queue_mapping(facts: Mapping[str, Facts]) -> Check:
    """Check the queue mapping. AWS reports no result of it: the checks of queue and auditor do."""
    mapping = facts_of(facts, _QUEUE.key, MappingFacts)
    if mapping is None:
        return missing(_QUEUE.key, f"the {_QUEUE.noun} is", Severity.FAILING, _QUEUE.consequence)
    return _state(_QUEUE, mapping)


def stream_mapping(facts: Mapping[str, Facts], now: datetime, errors: Callable[[], Check]) -> Check:
    """Check the stream mapping. A paused one is degraded, and failing when its records expire soon.

    Args:
        facts: The facts of the mapping, where it exists and is managed.
        now: The present time.
        errors: Checks the processor's errors.
    """
    key = _STREAM.key
    mapping = facts_of(facts, key, MappingFacts)
    if mapping is None:
        return missing(key, f"the {_STREAM.noun} is", Severity.FAILING, _STREAM.consequence)
    check = _last_result(mapping, errors)
    if check.ok:
        check = _state(_STREAM, mapping)
    if check.ok and mapping.catching_up:
        detail = mapping.catching_up.describe()
        check = Check(key, Severity.UNKNOWN, Finding.CATCHING_UP, mapping.state, detail, _WATCH)
    if mapping.pause is None:
        return check
    if mapping.enabled:
        severity = max(check.severity, Severity.DEGRADED)
        return Check(key, severity, Finding.PAUSE_UNFINISHED, check.value, UNFINISHED_PAUSE, "resume")
    left = mapping.pause.left(now)
    severity = Severity.FAILING if left is None or left < LEAST_LEFT else Severity.DEGRADED
    detail = f"processing is {mapping.pause.describe(now)}"
    return Check(key, severity, Finding.PAUSED, check.value, detail, "resume")


def _last_result(mapping: MappingFacts, errors: Callable[[], Check]) -> Check:
    """Check the last result. On a quiet table it stays: a failed call counts only as much as the errors do."""
    key, last = _STREAM.key, mapping.last_result
    detail = f"the stream mapping's last result: {last}"
    if keeps_from_working(last):
        return Check(key, Severity.FAILING, Finding.PROBLEM, mapping.state, detail, "plan")
    if last.startswith("PROBLEM") and not (found := errors()).ok:
        return Check(key, found.severity, Finding.PROBLEM, mapping.state, detail, "logs processor --errors")
    return Check(key, Severity.HEALTHY, Finding.OK, mapping.state, mapping.state)


def iterator_age(read: Progress, metrics: Metrics, facts: Mapping[str, Facts]) -> Check:
    """Check how long records wait. Orders that were written while nothing was processed may be waiting.

    Silence alone only degrades, however long it lasts: not every write that is counted makes a record. That records do
    wait is reported by their age, the throttles of the processor, or the state of the mapping.
    """
    name, ages = "iterator-age", [point.value / 1000 for point in metrics.recent("iterator_age")]
    age = max(ages, default=None)
    if age is not None and age > LONGEST_AGE:
        detail = f"{_waited(age)}; {_limit(facts)}"
        return Check(name, Severity.FAILING, Finding.LAGGING, age, detail, "logs processor --errors")
    if (reason := read.stopped or read.unknown) is None:
        return Check(name, Severity.HEALTHY, Finding.OK, age, _quiet(metrics) if age is None else _waited(age))
    if read.stopped and not read.throttled:
        return Check(name, Severity.UNKNOWN, Finding.UNKNOWN, age, "records wait: the stream mapping does not read")
    silent = metrics.now - read.silent_since if read.silent_since else timedelta(0)
    if silent <= RECENTLY:
        finding = Finding.RETRYING if read.retrying and not read.stopped else Finding.UNKNOWN
        return Check(name, Severity.UNKNOWN, finding, age, reason, _WATCH)
    detail = f"{reason} ({_NOT_ORDERS}); {_limit(facts)}"
    return Check(name, Severity.DEGRADED, Finding.STANDSTILL, age, detail, "logs processor --errors")


def _limit(facts: Mapping[str, Facts]) -> str:
    limit = waiting_retention(facts_of(facts, ResourceKey.STREAM_MAPPING, MappingFacts))
    return f"records can wait for {duration(limit)}"


def _waited(age: float) -> str:
    return f"records waited up to {duration(timedelta(seconds=age))} in the last 15 minutes"


def _quiet(metrics: Metrics) -> str:
    written = metrics.last_nonzero("writes")
    last = f"the last write was {relative(written, metrics.now)}" if written else "no write in the last 24 hours"
    return f"no record waits: {last} (metrics of the last {duration(METRICS_LATE)} are not known yet)"


def processor_errors(found: Activity, now: datetime, *, waiting: bool) -> Check:
    """Check the errors of the last hour. Those from before the deployment, and those that are over, do not count.

    A new version that has processed nothing is not proven. It is unknown only when its predecessor failed lately: a
    pipeline that is quiet and had no errors stays healthy. Errors of which nothing is left are unknown until an
    invocation succeeds, or some time has passed.

    Args:
        found: The errors.
        now: The present time.
        waiting: Failures wait for a replay.
    """
    name, count = "processor-errors", f"{pluralize(found.errors, 'error')} in the last hour"
    if not found.errors or found.over:
        return Check(name, Severity.HEALTHY, Finding.OK, found.errors, count)
    counts = found.deploy is None or found.since_deploy
    if counts and found.over_by and found.ending(now):
        by = short_time(found.over_by, now, seconds=False)
        detail = f"{count}; no failure is unresolved, and no invocation since: over by {by}"
        return Check(name, Severity.UNKNOWN, Finding.NOT_PROVEN, found.errors, detail, _WATCH)
    if found.began_with_deploy and found.since_deploy and found.deploy and not waiting:
        since = SuspectDeploy(found.deploy.version, found.deploy.at).describe(now)
        return Check(name, Severity.DEGRADED, Finding.ERRORS, found.errors, f"{count}, {since}", "rollback")
    if found.deploy is None or counts:
        return Check(name, Severity.DEGRADED, Finding.ERRORS, found.errors, count, "logs processor --errors")
    deployed = found.deploy.describe(now)
    if found.proven:
        return Check(name, Severity.HEALTHY, Finding.OK, found.errors, f"{count}, none since {deployed}")
    detail = f"{count}; not proven since {deployed}: nothing has run through it"
    command = "replay-dlq" if waiting else _WATCH
    return Check(name, Severity.UNKNOWN, Finding.NOT_PROVEN, found.errors, detail, command)


def auditor_errors(metrics: Metrics, depth: int | None) -> Check:
    """Check the errors of the last hour. They are over when no message is left 5 minutes after the last one."""
    name, count = "auditor-errors", metrics.total("auditor_errors", HOUR)
    detail, last = (
        f"{pluralize(count, 'error')} of the auditor in the last hour",
        metrics.last_nonzero("auditor_errors"),
    )
    if not count or (depth == 0 and last and metrics.now - last > OLDEST_UNAUDITED):
        return Check(name, Severity.HEALTHY, Finding.OK, count, detail)
    if depth:
        detail += f"; {pluralize(depth, 'failure')} in the queue, which `pipectl audit list` does not show yet"
    return Check(name, Severity.DEGRADED, Finding.ERRORS, count, detail, "logs auditor --errors")


def throttles(
    function: Literal["processor", "auditor"], metrics: Metrics, facts: Mapping[str, Facts], *, stopped: bool = False
) -> Check:
    """Check that a function is not throttled.

    Args:
        function: The function.
        metrics: The metrics.
        facts: The facts of the function, where it exists and is managed.
        stopped: It has processed nothing since.
    """
    name, found = f"{function}-throttles", facts_of(facts, function, FunctionFacts)
    if found and found.held:
        consequence = _STREAM.consequence if function == "processor" else _QUEUE.consequence
        detail = f"the {function}'s reserved concurrency is 0: {consequence}"
        return Check(name, Severity.FAILING, Finding.STOPPED, 0, detail, "up")
    series: Series = "processor_throttles" if function == "processor" else "auditor_throttles"
    count, last = metrics.total(series), metrics.last_nonzero(series) or metrics.now
    if not count:
        return Check(name, Severity.HEALTHY, Finding.OK, 0, "throttled 0 times in the last 15 minutes")
    severity = Severity.FAILING if stopped else Severity.DEGRADED
    detail = f"the {function} was throttled {pluralize(count, 'time')} in the last 15 minutes"
    times = [short_time(time, metrics.now, seconds=False) for time in (last, last + RECENTLY + PERIOD)]
    detail += f", last at {times[0]}: over by {times[1]} if it is not again"
    return Check(name, severity, Finding.THROTTLED, count, detail, "plan")  # shows a limit that was set by hand


def queue(depth: int | None, metrics: Metrics) -> Check:
    """Check that no message waits for long; ``None`` stands for a queue that is missing."""
    name = "queue"
    if depth is None:
        return missing(name, "the dead-letter queue is", Severity.FAILING, "failures are lost")
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
    detail = f"{pluralize(depth, 'message')} waiting for the auditor, {since}"
    return Check(name, severity, finding, depth, detail, "logs auditor --errors")


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


def alarms(firing: list[FiringAlarm], checked: int, wanted: int) -> Check:
    """Check the alarms. One whose cause is over is a note: it resets by itself."""
    name = "alarms"
    if not checked:
        return missing(name, "all alarms are", Severity.DEGRADED, "errors are not reported")
    if not firing:
        gone = f", {wanted - checked} missing" if checked < wanted else ""
        return Check(name, Severity.HEALTHY, Finding.OK, [], f"no alarm is firing ({checked} checked{gone})")
    names: list[JsonValue] = [alarm.name for alarm in firing]
    detail = f"firing: {', '.join(alarm.name for alarm in firing)}"
    severe = [alarm for alarm in firing if not alarm.over]
    if not severe:
        detail += "; the cause is over, and CloudWatch resets the alarm by itself"
        return Check(name, Severity.HEALTHY, Finding.ALARM_ENDING, names, detail)
    severity = max(alarm_severity(alarm) for alarm in severe)
    return Check(name, severity, Finding.ALARM, names, detail, severe[0].meaning.command)


def alarm_severity(alarm: FiringAlarm) -> Severity:
    """Return the severity of a firing alarm. Errors in numbers, and failures that may be lost, make it fail."""
    if alarm.over:
        return Severity.HEALTHY
    if alarm.unproven:
        return Severity.UNKNOWN
    is_worst = alarm.resource in (ResourceKey.ERRORS_ALARM, ResourceKey.LOST_FAILURES_ALARM)
    return Severity.FAILING if is_worst else Severity.DEGRADED


def open_failures(
    found: Unresolved | None, deploy: Deploy | None, now: datetime, suspect: SuspectDeploy | None = None
) -> Check:
    """Check the unresolved failures, and when the first record is lost. ``None``: there is no audit table.

    All of them began with ``suspect``, where that is given.
    """
    name = "open-failures"
    if found is None:
        return missing(name, "the audit table is", Severity.DEGRADED, "failures are not recorded")
    if not found.count:
        return Check(name, Severity.HEALTHY, Finding.OK, 0, found.incomplete or "no failure is unresolved")
    soon = found.until is not None and found.until - now < LEAST_LEFT
    severity = Severity.FAILING if soon else Severity.DEGRADED
    newest = found.times[1] if found.times else None
    is_fixed = deploy is not None and newest is not None and deploy.at > newest and not found.since(deploy)
    detail = f"{_failed(found)} ({_safety(found, now)}){f', {suspect.describe(now)}' if suspect else ''}"
    if found.never:
        every = found.never == found.count and not found.more
        some = "it" if found.count == 1 else "them" if every else f"{found.never:,} of them"
        detail += f"; no replay can process {some}"
    if found.incomplete:
        detail += f"; {found.incomplete}"
    command = "replay-dlq" if is_fixed else "rollback" if suspect else "audit list"
    return Check(name, severity, Finding.OPEN_FAILURES, found.count, detail, command)


def _failed(found: Unresolved) -> str:
    """``30 orders failed and are waiting``, or the number of failures where that of the orders is not known."""
    if found.orders_are_known:
        count = len(found.orders)
        return f"{pluralize(count, 'order')} failed and {'is' if count == 1 else 'are'} waiting"
    more = "more than " if found.more else ""
    return f"{more}{pluralize(found.count, 'unresolved failure')} {'is' if found.count == 1 else 'are'} waiting"


def _safety(found: Unresolved, now: datetime) -> str:
    """``safe in quarantine``, or the number of failures in each place, with the time until which they are safe."""
    if found.count == found.at(Safety.QUARANTINED):
        return "safe in quarantine"
    words = {
        Safety.QUARANTINED: "safe in quarantine",
        Safety.STREAM: "ONLY in the stream",
        Safety.GONE: "neither in the stream nor in quarantine",
        Safety.UNKNOWN: "not known to be safe",
    }
    if until := found.until:
        words[Safety.STREAM] += f" until {short_time(until, now, seconds=False)} UTC ({duration(until - now)})"
    counts = {safety: found.at(safety) for safety in words}
    if found.count in counts.values():
        return next(words[safety] for safety, count in counts.items() if count == found.count)
    return ", ".join(f"{count} {words[safety]}" for safety, count in counts.items() if count)
