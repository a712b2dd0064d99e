"""The words of `status`: what is wrong with the command that helps, what is fine, and notes. `report` has them, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipectl.commands.status import State, StatusReport
from pipectl.failures.sdk_errors import is_denial
from pipectl.failures.suspect_deploy import SuspectDeploy
from pipectl.monitoring.activity import Activity, Trend
from pipectl.monitoring.alarms import UNDELIVERED, FiringAlarm
from pipectl.monitoring.checks import Check, Finding, Severity, alarm_severity
from pipectl.monitoring.health import Health
from pipectl.monitoring.metrics import METRICS_LATE, PERIOD
from pipectl.output import looks, orphans
from pipectl.output.console import Line, Screen
from pipectl.output.explanation import orders_shown
from pipectl.output.sparkline import sparkline
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import relative, short_time

STATE_LOOK = {
    State.IN_SYNC: ("in sync", ""),
    State.DRIFTED: ("drifted", looks.ATTENTION),
    State.MISSING: ("missing", looks.BAD),
    State.FOREIGN: ("not managed", looks.BAD),
    State.UNREADABLE: ("unreadable", looks.UNSURE),
}
LOOK = {
    Severity.HEALTHY: ("healthy", looks.GOOD, "✓", "ok"),
    Severity.UNKNOWN: ("unknown", looks.UNSURE, "?", "?"),
    Severity.DEGRADED: ("degraded", looks.WARN, "!", "!"),
    Severity.FAILING: ("failing", looks.BAD, "✗", "x"),
}
"""Name, look and mark of each severity, and the mark in ASCII."""
_MOST_CAUSES = 3
_SUBJECTS = {
    ResourceKey.STREAM_MAPPING: "stream",
    "iterator-age": "stream",
    "processor-errors": "processor",
    "processor-throttles": "processor",
    ResourceKey.QUEUE_MAPPING: "auditor",
    "auditor-errors": "auditor",
    "auditor-throttles": "auditor",
    "queue": "queue",
    "open-failures": "failures",
    "alarms": "alarms",
}
"""The short name of what each check is about."""
_GRANTS = (ResourceKey.PROCESSOR_ROLE, ResourceKey.BUCKET)
_BLOCKED = (Finding.STOPPED, Finding.PAUSED, Finding.MISSING)


@dataclass(frozen=True)
class Problem:
    """A line about one thing that is wrong, the command that helps, and lines below it."""

    severity: Severity
    words: Line
    command: str | None
    below: tuple[Line, ...] = ()
    rank: int = 0


def ascii_only(screen: Screen) -> bool:
    """Return whether the output cannot show the signs of `status`."""
    return not screen.can_show("✓✗▁█▶│└")


def problems(screen: Screen, report: StatusReport) -> list[Problem]:
    """Return everything that is wrong, and the errors of the last hour.

    The most severe problem is the first; of equal ones the failed orders are first and the errors last.
    """
    return sorted(_problems(screen, report), key=lambda problem: (-problem.severity, problem.rank))


def _problems(screen: Screen, report: StatusReport) -> Iterator[Problem]:
    """Yield the problems. An alarm is beside the check on its subject.

    Where nothing is deployed, one line takes the place of those about each missing resource.
    """
    health = report.health
    if report.undeployed:
        words = f"nothing is deployed: all {len(report.resources)} resources are missing"
        yield Problem(Severity.FAILING, (words,), "up")
        yield from (_problem(screen, report, check, None) for check in health.checks if check.name == "orphans")
        yield from _unreadable(health.checks)
        return
    has_errors = health.activity is not None and health.activity.errors > 0
    beside = {alarm.meaning.check: alarm for alarm in health.alarms if not alarm.over}
    for check in health.checks:
        if check.name == "alarms" and health.alarms:
            continue
        alarm = beside.pop(check.name, None)
        if check.ok and alarm is None and not (has_errors and check.name == "processor-errors"):
            continue
        if check.finding is Finding.UNREADABLE:
            continue
        if not _is_repeated(check, health, has_errors=has_errors):
            yield _problem(screen, report, check, alarm)
    yield from _unreadable(health.checks)
    for alarm in beside.values():
        yield Problem(alarm_severity(alarm), (_alarm_words(report, alarm),), alarm.meaning.command)
    if report.differing:
        names = [each.resource for each in report.differing]
        differ = "differs" if len(report.differing) == 1 else "differ"
        words = f"{pluralize(len(report.differing), 'resource')} {differ} from the config: {', '.join(names)}"
        if health.deploy and health.deploy.rolled_back and report.differs_live:
            words += screen.completed("; `pipectl up` undoes the rollback: correct the code first")
        yield Problem(Severity.DEGRADED, (words,), "plan")


def _unreadable(checks: Sequence[Check]) -> Iterator[Problem]:
    """Yield a line for each error that prevents checks, such as a missing permission."""
    errors: dict[str, list[Check]] = {}
    for check in checks:
        if check.finding is Finding.UNREADABLE:
            errors.setdefault(check.detail.removeprefix(check.name), []).append(check)
    for detail, prevented in errors.items():
        names = ", ".join(check.name for check in prevented)
        yield Problem(max(check.severity for check in prevented), (f"{names}{detail}",), prevented[0].command)


def _is_repeated(check: Check, health: Health, *, has_errors: bool) -> bool:
    """Return whether another line says the same: nothing is processed, or the function fails."""
    if check.name == "iterator-age":
        if check.finding is Finding.RETRYING:
            return has_errors and health.unresolved is not None and health.unresolved.count > 0
        return check.severity < Severity.FAILING and _standstill(health) not in (None, check)
    failed = check.name == ResourceKey.STREAM_MAPPING and check.finding is Finding.PROBLEM
    return failed and check.severity < Severity.FAILING and has_errors


def _standstill(health: Health) -> Check | None:
    """Return the check that says why nothing is processed."""
    found = {check.name: check for check in health.checks if not check.ok}
    mapping, throttles, age = (
        found.get(name) for name in (ResourceKey.STREAM_MAPPING, "processor-throttles", "iterator-age")
    )
    if mapping and mapping.finding in _BLOCKED:
        return mapping
    if throttles and (throttles.finding in _BLOCKED or throttles.severity is Severity.FAILING):
        return throttles
    return age


def _problem(screen: Screen, report: StatusReport, check: Check, alarm: FiringAlarm | None) -> Problem:
    severity = report.health.severity_of(check)
    suffix = f" ({alarm.meaning.short}{_since(report, alarm)})" if alarm else ""
    command = check.command or (alarm.meaning.command if alarm else None)
    activity = report.health.activity
    if check.name == "processor-errors" and activity and activity.errors:
        return Problem(severity, (*_errors(screen, report, activity), suffix), command, rank=1)
    words = check.detail if not check.ok or alarm is None else alarm.meaning.words
    if check.name != "open-failures":
        waits = report.health.waiting if check is _standstill(report.health) else None
        below: tuple[Line, ...] = ((waits.describe(report.now),),) if waits else ()
        return Problem(severity, (screen.completed(words), suffix), command, below)
    causes = tuple(_causes(report))
    if _is_denied(report):
        if drifted := [each.resource for each in report.differing if each.resource in _GRANTS]:
            causes += ((screen.completed(f"{drifted[0]} differs from the config: `pipectl up` restores it"),),)
        command = "plan" if drifted else "replay-dlq --limit 1"
    return Problem(severity, (screen.completed(words), suffix), command, causes, rank=-1)


def _is_denied(report: StatusReport) -> bool:
    """Return whether most failures are calls that AWS denied. Where no policy differs now, one is worth a try."""
    groups = report.health.unresolved.groups if report.health.unresolved else ()
    return bool(groups) and is_denial(groups[0].cause)


def _since(report: StatusReport, alarm: FiringAlarm) -> str:
    """``, 00:08``: the time since which an alarm fires."""
    return f", {short_time(alarm.since, report.now, seconds=False)}" if alarm.since else ""


def _alarm_words(report: StatusReport, alarm: FiringAlarm) -> str:
    words, lost = alarm.meaning.words, report.health.flow.undelivered
    if alarm.meaning.check == UNDELIVERED and lost:
        words = f"{pluralize(lost, 'failure')} did not reach the dead-letter queue, and the records may be lost"
    return f"{words} ({alarm.meaning.short}{_since(report, alarm)})"


def _causes(report: StatusReport) -> Iterator[Line]:
    """Yield the most frequent causes of the unresolved failures, with their orders."""
    found = report.health.unresolved
    if found is None:
        return
    for group in found.groups[:_MOST_CAUSES]:
        orders = f"  {orders_shown(group.orders)}" if group.orders else ""
        yield (f"{group.count:,} x ", (group.cause, "bold"), orders)
    if len(found.groups) > _MOST_CAUSES:
        yield (f"and {pluralize(len(found.groups) - _MOST_CAUSES, 'other cause')}",)
    if found.unexplained:
        yield (f"orders and reasons of {pluralize(found.unexplained, 'failure')} were not read: too many at once",)
    for problem in found.problems:
        yield (f"orders and reasons could not be read: {problem}",)


def _errors(screen: Screen, report: StatusReport, found: Activity) -> Line:
    """``errors, last hour  ▁▁▁▁▁▁▁█▁▁▁▁  209 of 260 invocations, last one 6 min ago, getting better``."""
    bars = sparkline(found.bins, ascii_only=ascii_only(screen))
    of = f" of {pluralize(found.invocations, 'invocation')}" if found.invocations >= found.errors else ""
    last = _last(found, report.now)
    return (
        "errors, last hour  ",
        (bars, "bold"),
        f"  {found.errors:,}{of}{last}{_trend(found, report.now)}{_deployed(report, found)}",
    )


def _last(found: Activity, now: datetime) -> str:
    """Return the minute of the last error. Its seconds are not known: "1 min ago" could be before a deploy."""
    return f", last one at {short_time(found.last_error, now, seconds=False)}" if found.last_error else ""


def _trend(found: Activity, now: datetime) -> str:
    """Return whether it still fails. Between one and three minutes after an error the metrics do not show it."""
    silent = found.silent_for(now)
    if silent is None or found.trend is Trend.NONE or not found.since_deploy:
        return ""
    if silent >= METRICS_LATE:
        count = found.invocations_since
        since = f"since then {pluralize(count, 'invocation')} without an error" if count else "no invocation since"
        return f"; {since}{_over_by(found, now)}"
    if found.trend is Trend.NEW and found.first_error:
        return f"; new since {short_time(found.first_error, now, seconds=False)}"
    if silent > PERIOD:
        return ""
    words = {Trend.STEADY: "steady", Trend.WORSE: "GETTING WORSE"}.get(found.trend, "getting better")
    return f"; STILL FAILING, {words} ({found.recent_rate:.1f} a minute, {found.earlier_rate:.1f} before)"


def _over_by(found: Activity, now: datetime) -> str:
    if found.over_by is None or found.over:
        return ""
    return f"; no failure is unresolved: over by {short_time(found.over_by, now, seconds=False)}"


def _deployed(report: StatusReport, found: Activity) -> str:
    """Return how many of the errors count against the live version."""
    if found.deploy is None:
        return ""
    if found.since_deploy == found.errors:
        nothing_audited = report.health.unresolved is not None and not report.health.unresolved.count
        suspect = SuspectDeploy(found.deploy.version, found.deploy.at)
        return f", {suspect.describe(report.now)}" if found.began_with_deploy and nothing_audited else ""
    deploy = found.deploy.describe(report.now)
    if found.beside_deploy:
        deploy = f"the minute of {deploy}"
    if found.since_deploy:
        return f"; {found.since_deploy:,} since {deploy}"
    return f"; none since {deploy}" if found.proven else f"; not proven since {deploy}: nothing has run through it"


def fine_subjects(report: StatusReport) -> list[str]:
    """Return the subjects whose checks are all healthy, such as ``stream``. Where nothing is deployed, none is.

    A function that is missing has no errors; it is not healthy.
    """
    if report.undeployed:
        return []
    checks = report.health.checks
    subjects = dict.fromkeys(_SUBJECTS.get(check.name, check.name) for check in checks)
    wrong = {_SUBJECTS.get(check.name, check.name) for check in checks if not check.ok}
    wrong |= {each.resource for each in report.resources if each.state in (State.MISSING, State.FOREIGN)}
    return [subject for subject in subjects if subject not in wrong]


def notes(report: StatusReport) -> Iterator[str]:
    """Yield what does not count and helps to judge: errors that are over, ending alarms, the live version."""
    health, now = report.health, report.now
    for alarm in health.alarms:
        if alarm.over:
            by = f" by {short_time(alarm.resets_by, now, seconds=False)}" if alarm.resets_by else " in some minutes"
            yield f"the {alarm.meaning.short} still fires, though its cause is over: it resets by itself{by}"
    if health.unresolved and health.unresolved.incomplete and not health.unresolved.count:
        yield health.unresolved.incomplete
    lost = health.flow.undelivered
    if lost and all(alarm.resource != ResourceKey.LOST_FAILURES_ALARM for alarm in health.alarms):
        yield f"{pluralize(lost, 'failure')} did not reach the queue in the last 24 hours: see `pipectl verify`"
    if health.deploy:
        verb = "rolled back to" if health.deploy.rolled_back else "deployed"
        at = f"{short_time(health.deploy.at, now)} UTC ({relative(health.deploy.at, now)})"
        yield f"{verb} version {health.deploy.version} at {at}"
    deployed = all(each.state is not State.MISSING for each in report.resources)
    yield from orphans.found(health.orphans, deployed=deployed)
