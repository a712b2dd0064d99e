"""The result of `status` as a JSON document."""

from __future__ import annotations

from pipectl.commands.status import ResourceStatus, StatusReport
from pipectl.failures.explanation import Safety
from pipectl.monitoring.activity import Activity
from pipectl.monitoring.alarms import FiringAlarm
from pipectl.monitoring.checks import Check
from pipectl.monitoring.unresolved import Unresolved
from pipectl.output import changes, orphans
from pipectl.output.console import Screen


def document(screen: Screen, report: StatusReport) -> dict[str, object]:
    """Return the report as a JSON document."""
    health = report.health
    return {
        "environment": report.environment,
        "account": report.account_id,
        "region": report.region,
        "time": report.now,
        "resources": [_resource_document(screen, status) for status in report.resources],
        "health": {
            "verdict": health.verdict.name.lower(),
            "checks": [_check_document(screen, check) for check in health.checks],
        },
        "errors": _errors_document(health.activity),
        "deploy": health.deploy,
        "alarms": [_alarm_document(screen, alarm) for alarm in health.alarms],
        "failures": _failures_document(screen, health.unresolved),
        "flow": health.flow,
        "waiting": health.waiting,
        "orphans": orphans.documents(health.orphans.orphans),
    }


def _failures_document(screen: Screen, found: Unresolved | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "unresolved": found.count,
        "more": found.more,
        "safety": {safety: found.at(safety) for safety in Safety},
        "until": found.until,
        "causes": [{"cause": group.cause, "count": group.count, "orders": group.orders} for group in found.groups],
        "unexplained": found.unexplained,
        "problems": found.problems,
        "incomplete": screen.completed(found.incomplete) if found.incomplete else None,
    }


def _resource_document(screen: Screen, status: ResourceStatus) -> dict[str, object]:
    found: dict[str, object] = {
        "resource": status.resource,
        "kind": status.kind,
        "name": status.name,
        "state": status.state,
        "drift": changes.deltas_document(status.drift),
    }
    return found | ({"reason": screen.completed(status.reason)} if status.reason else {})


def _check_document(screen: Screen, check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": check.ok,
        "severity": check.severity.name.lower(),
        "finding": check.finding,
        "value": check.value,
        "detail": screen.completed(check.detail),
        "command": _completed_command(screen, check.command),
    }


def _completed_command(screen: Screen, command: str | None) -> str | None:
    return screen.command(command) if command else None


def _errors_document(found: Activity | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "lastHour": found.errors,
        "sinceDeploy": found.since_deploy,
        "invocations": found.invocations,
        "fiveMinutes": found.bins,
        "first": found.first_error,
        "last": found.last_error,
        "trend": found.trend,
        "perMinute": {"last15": found.recent_rate, "before": found.earlier_rate},
        "provenSinceDeploy": found.proven if found.deploy else None,
        "over": found.over,
    }


def _alarm_document(screen: Screen, alarm: FiringAlarm) -> dict[str, object]:
    return {
        "resource": alarm.resource,
        "name": alarm.name,
        "since": alarm.since,
        "meaning": alarm.meaning.words,
        "command": _completed_command(screen, alarm.meaning.command),
        "over": alarm.over,
        "resetsBy": alarm.resets_by,
    }
