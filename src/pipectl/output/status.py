"""The result of `status`."""

from __future__ import annotations

from collections import Counter

from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.monitoring.checks import Severity
from pipectl.monitoring.health import Health
from pipectl.output import changes
from pipectl.output.console import Screen

_STATE_LOOK = {
    State.IN_SYNC: ("in sync", "green"),
    State.DRIFTED: ("drifted", "yellow"),
    State.MISSING: ("missing", "red"),
    State.FOREIGN: ("not managed", "bold red"),
}
_INDENT = " " * 12
_SEVERITY_LOOK = {
    Severity.HEALTHY: ("healthy", "green"),
    Severity.UNKNOWN: ("unknown", "magenta"),
    Severity.DEGRADED: ("degraded", "yellow"),
    Severity.FAILING: ("failing", "red"),
}


def result(screen: Screen, report: StatusReport) -> None:
    statuses = report.resources
    if screen.json_output:
        resources = [_resource_document(screen, status) for status in statuses]
        screen.document({"resources": resources, "health": _health_document(screen, report.health)})
        return
    width = max(len(status.resource) for status in statuses)
    for status in statuses:
        state, colour = _STATE_LOOK[status.state]
        screen.line((f"{state:<11}", colour), (f" {status.resource:<{width}}", "bold"), f"  {status.name}")
        if status.reason:
            screen.line(f"{_INDENT}{screen.completed(status.reason)}")
        screen.lines(changes.delta_lines(status.drift, _INDENT))
    counts = Counter(status.state for status in statuses)
    screen.line(", ".join(f"{counts[state]} {_STATE_LOOK[state][0]}" for state in State if counts[state]))
    _health(screen, report.health)


def _health(screen: Screen, health: Health) -> None:
    screen.line()
    width = max((len(check.name) for check in health.checks), default=0)
    for check in health.checks:
        verdict, colour = _SEVERITY_LOOK[check.severity]
        screen.line(
            (f"{verdict:<11}", colour), (f" {check.name:<{width}}", "bold"), f"  {screen.completed(check.detail)}"
        )
    verdict, colour = _SEVERITY_LOOK[health.verdict]
    screen.line("Health: ", (verdict, f"bold {colour}"))


def _resource_document(screen: Screen, status: ResourceStatus) -> dict[str, object]:
    found: dict[str, object] = {
        "resource": status.resource,
        "kind": status.kind,
        "name": status.name,
        "state": status.state,
        "drift": changes.deltas_document(status.drift),
    }
    return found | ({"reason": screen.completed(status.reason)} if status.reason else {})


def _health_document(screen: Screen, health: Health) -> dict[str, object]:
    return {
        "verdict": _SEVERITY_LOOK[health.verdict][0],
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "severity": _SEVERITY_LOOK[check.severity][0],
                "finding": check.finding,
                "value": check.value,
                "detail": screen.completed(check.detail),
            }
            for check in health.checks
        ],
    }
