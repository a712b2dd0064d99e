"""Health of a running pipeline: reads at the same time, then one check for each way in which it can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from pipectl.context import Context
from pipectl.engine.model import Facts, facts_of
from pipectl.engine.parallel import Results, parallel_map
from pipectl.errors import AwsError, CancelledError
from pipectl.facts import AlarmFacts, FunctionFacts, MappingFacts, QueueFacts, TableFacts
from pipectl.failures.suspect_deploy import SuspectDeploy, suspect_deploy
from pipectl.monitoring import checks
from pipectl.monitoring.activity import HOUR, Activity, Deploy, Evidence, activity
from pipectl.monitoring.alarms import MEANINGS, FiringAlarm, resets_by
from pipectl.monitoring.checks import Check, Finding, Severity, unreadable
from pipectl.monitoring.metrics import Metrics, Series
from pipectl.monitoring.orphan_data import processed_twice
from pipectl.monitoring.stream_progress import Progress, judge
from pipectl.monitoring.unresolved import Unresolved, read_unresolved
from pipectl.monitoring.waiting import Waiting, waiting
from pipectl.orphans import OrphanSearch, Search
from pipectl.resource_keys import ResourceKey

T = TypeVar("T")

_METRIC_OF_ALARM: Mapping[str, Series] = {
    ResourceKey.ERRORS_ALARM: "processor_errors",
    ResourceKey.ITERATOR_AGE_ALARM: "iterator_age",
    ResourceKey.AUDITOR_ERRORS_ALARM: "auditor_errors",
    ResourceKey.LOST_FAILURES_ALARM: "undelivered",
    ResourceKey.THROTTLES_ALARM: "processor_throttles",
}

_NEEDED_BY: Mapping[str, tuple[str, ...]] = {
    ResourceKey.STREAM_MAPPING: (ResourceKey.STREAM_MAPPING, "iterator-age"),
    ResourceKey.DEAD_LETTER_QUEUE: ("queue",),
    ResourceKey.AUDIT_TABLE: ("open-failures",),
}
"""Checks that cannot be made when a resource cannot be read."""


@dataclass(frozen=True)
class Flow:
    """The figures of the last hour along the pipeline; ``None`` where one cannot be read.

    Args:
        written: Requests that can write orders.
        waited: Longest time that a record waited for the processor in the last 15 minutes.
        invocations: Invocations of the processor.
        errors: Failed ones.
        undelivered: Failures of the last 24 hours that did not reach the queue.
        queued: Messages in the queue.
        unresolved: Unresolved failures.
    """

    written: int | None = None
    waited: timedelta | None = None
    invocations: int | None = None
    errors: int | None = None
    undelivered: int | None = None
    queued: int | None = None
    unresolved: int | None = None


@dataclass(frozen=True)
class Health:
    """All checks, and what they were made of.

    Args:
        checks: The checks.
        activity: The processor's errors; ``None`` when the metrics cannot be read.
        unresolved: The unresolved failures; ``None`` when they cannot be read.
        alarms: The alarms that fire.
        deploy: The live version.
        flow: The figures of the last hour.
        waiting: The orders that wait while nothing is processed.
        orphans: Resources of earlier names that remain.
    """

    checks: tuple[Check, ...]
    activity: Activity | None = None
    unresolved: Unresolved | None = None
    alarms: tuple[FiringAlarm, ...] = ()
    deploy: Deploy | None = None
    flow: Flow = Flow()
    waiting: Waiting | None = None
    orphans: Search = field(default_factory=Search)

    @property
    def verdict(self) -> Severity:
        return max((check.severity for check in self.checks), default=Severity.HEALTHY)

    def severity_of(self, check: Check) -> Severity:
        """Return the severity of a check, raised by the alarms that fire about its subject."""
        about = [alarm for alarm in self.alarms if alarm.meaning.check == check.name]
        if check.name == "open-failures" and not check.ok:  # the errors alarm is about the failed orders, too
            about += [alarm for alarm in self.alarms if alarm.resource == ResourceKey.ERRORS_ALARM]
        return max([check.severity, *map(checks.alarm_severity, about)])


def health(
    context: Context,
    facts: Mapping[str, Facts],
    metrics: Metrics | None = None,
    unreadable: Mapping[str, str] | None = None,
    orphans: OrphanSearch | None = None,
) -> Health:
    """Make all checks. Reads only.

    Args:
        context: The pipeline.
        facts: The facts of the resources that exist and are managed.
        metrics: The metrics, where the caller has used them already.
        unreadable: Resources that cannot be read, each with the reason.
        orphans: Looks for orphans; ``None`` to leave them out.

    Raises:
        CancelledError: the user pressed Ctrl-C.
    """
    metrics = metrics or Metrics.of(context, context.aws.clock.now())
    reads = _read(context, facts, metrics, orphans)
    return _Judge(context, facts, metrics, reads, unreadable or {}).health()


def _read(
    context: Context, facts: Mapping[str, Facts], metrics: Metrics, orphans: OrphanSearch | None
) -> Results[object]:
    """Read the unresolved failures, the orphans and the metrics at the same time."""
    reads: dict[str, Callable[[], object]] = {"metrics": lambda: metrics.points("writes")}
    if orphans:
        reads["orphans"] = orphans.find
    audit = facts_of(facts, ResourceKey.AUDIT_TABLE, TableFacts)
    if audit:
        reads["open-failures"] = lambda: read_unresolved(context, audit)
    results = parallel_map(lambda name: reads[name](), reads, cancel=context.cancel)
    if results.interrupted:
        raise CancelledError("interrupted")
    return results


class _Judge:
    """Makes the checks from what was read.

    Args:
        context: The pipeline.
        facts: The facts of its resources.
        metrics: The metrics; an error of theirs is raised again by each check that needs them.
        reads: The unresolved failures and the orphans, or their errors.
        unreadable: Resources that cannot be read, each with the reason.
    """

    def __init__(
        self,
        context: Context,
        facts: Mapping[str, Facts],
        metrics: Metrics,
        reads: Results[object],
        unreadable: Mapping[str, str],
    ) -> None:
        self._unreadable = unreadable
        self._context = context
        self._facts = facts
        self._metrics = metrics
        self._errors = reads.failed
        queue, unresolved = facts_of(facts, ResourceKey.DEAD_LETTER_QUEUE, QueueFacts), reads.done.get("open-failures")
        self._depth = queue.messages if queue else None
        self._unresolved = unresolved if isinstance(unresolved, Unresolved) else None
        found = reads.done.get("orphans")
        self._orphans = found if isinstance(found, Search) else Search()
        self._deploy = _deploy(facts)

    def health(self) -> Health:
        made = {name: self._made(name, check) for name, check in self._questions().items()}
        firing = list(self._firing(made))
        made["alarms"] = checks.alarms(firing, *self._counted_alarms())
        made |= {check.name: check for check in self._denied()}
        if twice := [orphan.name for orphan in self._orphans.orphans if orphan.twice]:
            made["orphans"] = processed_twice(twice)
        order = [name for name in made if name != "open-failures"] + ["open-failures"]
        return Health(
            tuple(made[name] for name in order),
            self._optional(self._activity),
            self._unresolved,
            tuple(firing),
            self._deploy,
            self._flow(),
            self._optional(self._orders_waiting),
            self._orphans,
        )

    def _questions(self) -> dict[str, Callable[[], Check]]:
        facts, metrics, now = self._facts, self._metrics, self._metrics.now

        def processor_errors() -> Check:
            return checks.processor_errors(self._activity(), now, waiting=self._waiting)

        def processor_throttles() -> Check:
            return checks.throttles("processor", metrics, facts, stopped=self._progress().throttled)

        return {
            ResourceKey.STREAM_MAPPING: lambda: checks.stream_mapping(facts, now, processor_errors),
            ResourceKey.QUEUE_MAPPING: lambda: checks.queue_mapping(facts),
            "iterator-age": lambda: checks.iterator_age(self._progress(), metrics, facts),
            "processor-errors": processor_errors,
            "processor-throttles": processor_throttles,
            "auditor-errors": lambda: checks.auditor_errors(metrics, self._depth),
            "auditor-throttles": lambda: checks.throttles("auditor", metrics, facts),
            "queue": lambda: checks.queue(self._depth, metrics),
            "open-failures": lambda: checks.open_failures(self._unresolved, self._deploy, now, self._suspect()),
        }

    def _denied(self) -> Iterator[Check]:
        """Yield a check for each resource that cannot be read, instead of those that need it."""
        for key, reason in self._unreadable.items():
            for name in ("alarms",) if key in MEANINGS else _NEEDED_BY.get(key, (key,)):
                yield replace(unreadable(name, reason), severity=Severity.UNKNOWN)

    def _made(self, name: str, check: Callable[[], Check]) -> Check:
        if error := self._errors.get(name):
            return unreadable(name, error.message)
        try:
            return check()
        except AwsError as error:
            return unreadable(name, error.message)

    def _progress(self) -> Progress:
        return judge(self._context.config, self._facts, self._metrics)

    def _orders_waiting(self) -> Waiting | None:
        if ResourceKey.STREAM_MAPPING in self._unreadable:
            return None
        mapping = facts_of(self._facts, ResourceKey.STREAM_MAPPING, MappingFacts)
        return waiting(self._progress(), self._metrics, mapping)

    def _activity(self) -> Activity:
        evidence = self._unresolved.evidence(self._deploy) if self._unresolved else Evidence(None)
        return activity(self._metrics, self._deploy, evidence)

    def _suspect(self) -> SuspectDeploy | None:
        found = self._unresolved
        if found is None or found.more:
            return None
        return suspect_deploy(found.explanations, facts_of(self._facts, ResourceKey.PROCESSOR, FunctionFacts))

    @property
    def _waiting(self) -> bool:
        return self._unresolved is not None and self._unresolved.count > 0

    def _alarms(self) -> dict[str, AlarmFacts]:
        return {key: found for key, found in self._facts.items() if isinstance(found, AlarmFacts)}

    def _counted_alarms(self) -> tuple[int, int]:
        """Return the number of alarms that exist, and of those that should."""
        wanted = [key for key, resource in self._context.resources.items() if key in MEANINGS and resource.wanted]
        return len(self._alarms()), len(wanted)

    def _firing(self, made: Mapping[str, Check]) -> Iterator[FiringAlarm]:
        for key, found in self._alarms().items():
            if found.state != "ALARM":
                continue
            last, now = self._last(key), self._metrics.now
            unproven = made.get(MEANINGS[key].check, made["queue"]).finding is Finding.NOT_PROVEN
            over = self._is_over(key, last, made)
            reset = resets_by(found.since, last, now) if over else None
            yield FiringAlarm(key, self._context.resources[key].name, found.since, over, unproven, reset)

    def _is_over(self, alarm: str, last: datetime | None, made: Mapping[str, Check]) -> bool:
        """Return whether the cause of an alarm was seen, and is over.

        No check knows whether records that did not reach the queue were repaired. The cause of the failures alarm is
        the failures themselves, which may still be in the queue.
        """
        if alarm == ResourceKey.LOST_FAILURES_ALARM or not made[MEANINGS[alarm].check].ok:
            return False
        if alarm == ResourceKey.FAILURES_ALARM:
            return self._depth == 0
        return last is not None and self._metrics.now - last <= HOUR

    def _last(self, alarm: str) -> datetime | None:
        """Return the last minute in which an alarm's metric was not zero."""
        series = _METRIC_OF_ALARM.get(alarm)
        return self._optional(lambda: self._metrics.last_nonzero(series)) if series else None

    def _flow(self) -> Flow:
        unresolved = self._unresolved.count if self._unresolved else None
        return self._optional(lambda: _flow(self._metrics, self._depth, unresolved)) or Flow(
            queued=self._depth, unresolved=unresolved
        )

    def _optional(self, read: Callable[[], T]) -> T | None:
        """Return a figure; ``None`` when the metrics cannot be read, which the checks report."""
        try:
            return read()
        except AwsError:
            return None


def _deploy(facts: Mapping[str, Facts]) -> Deploy | None:
    found = facts_of(facts, ResourceKey.PROCESSOR, FunctionFacts)
    if found is None or found.live_version is None or found.live_since is None:
        return None
    return Deploy(found.live_version, found.live_since, found.rolled_back, found.replaced)


def _flow(metrics: Metrics, queued: int | None, unresolved: int | None) -> Flow:
    ages = [point.value for point in metrics.recent("iterator_age")]
    return Flow(
        metrics.total("writes", HOUR),
        timedelta(milliseconds=max(ages)) if ages else None,
        metrics.total("processor_invocations", HOUR),
        metrics.total("processor_errors", HOUR),
        metrics.total("undelivered", timedelta(hours=24)),
        queued,
        unresolved,
    )
