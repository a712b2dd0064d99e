"""How the pipeline's state and changes are told."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.text import Text

from pipectl.commands.demo import DemoReport
from pipectl.commands.down import DownReport
from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.commands.up import UpReport
from pipectl.config.runtimes import Runtime, newest
from pipectl.engine.model import Action, Change, Delta
from pipectl.monitoring.health import Health, Severity
from pipectl.output.console import ACTION_LOOK, Screen
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_STATE_LOOK = {State.IN_SYNC: "green", State.DRIFTED: "yellow", State.MISSING: "red", State.FOREIGN: "bold red"}
_SEVERITY_LOOK = {
    Severity.HEALTHY: ("healthy", "green"),
    Severity.DEGRADED: ("degraded", "yellow"),
    Severity.FAILING: ("failing", "red"),
}
_LONGEST_VALUE = 200


def changes(screen: Screen, report: UpReport, done: bool) -> None:
    """The result of `plan`, or of `up` when ``done``."""
    if screen.json_output:
        screen.json({"changes": [change_document(change) for change in report.changes], "outputs": report.outputs})
        return
    if not done:
        _list(screen.out, report.changes)
    screen.line(summary(report.changes, done))
    if done:
        outputs(screen, report.outputs, heading=True)


def removed(screen: Screen, report: DownReport) -> None:
    """The result of `down`."""
    changes = report.changes
    if screen.json_output:
        document: dict[str, Any] = {"changes": [change_document(change) for change in changes]}
        if report.resume:
            document["resumeUntil"] = rfc3339(report.resume.until) if report.resume.until else None
        screen.json(document)
        return
    for change in changes:
        if change.action is Action.KEEP:
            screen.line(_line(change))
    removes = any(change.action is not Action.KEEP for change in changes)
    screen.line(summary(changes, done=True) if removes else "Nothing to remove.")


def status(screen: Screen, report: StatusReport) -> None:
    """The result of `status`."""
    statuses = report.resources
    if screen.json_output:
        resources = [status_document(status) for status in statuses]
        screen.json({"resources": resources, "health": health_document(report.health)})
        return
    width = max(len(status.resource) for status in statuses)
    for status in statuses:
        text = Text(f"{status.state:<9}", _STATE_LOOK[status.state])
        text.append(f" {status.resource:<{width}}", "bold").append(f"  {status.name}")
        screen.line(text)
        if status.reason:
            screen.line(f"          {status.reason}")
        _deltas(screen.out, status.drift, "          ")
    counts = Counter(status.state for status in statuses)
    screen.line(", ".join(f"{counts[state]} {state}" for state in State if counts[state]))
    _health(screen, report.health)


def _health(screen: Screen, health: Health) -> None:
    screen.line()
    for check in health.checks:
        verdict, colour = _SEVERITY_LOOK[check.severity]
        screen.line(Text(f"{verdict:<9}", colour).append(f" {check.name:<17}", "bold").append(f" {check.detail}"))
    verdict, colour = _SEVERITY_LOOK[health.verdict]
    screen.line(Text("Health: ").append(verdict, f"bold {colour}"))


def outputs(screen: Screen, outputs: Mapping[str, str], *, heading: bool = False, env: bool = False) -> None:
    if screen.json_output:
        screen.json(outputs)
        return
    if env:
        for name, value in outputs.items():
            screen.line(f"{_environment_name(name)}={shlex.quote(value)}")
        return
    if heading:
        screen.line()
    width = max(map(len, outputs), default=0)
    for name, value in outputs.items():
        screen.line(Text(f"{name:<{width}}", "bold").append(f"  {value}"))


def plan_before_asking(screen: Screen, changes: Sequence[Change]) -> None:
    _list(screen.err, changes)
    screen.err.print(summary(changes, done=False))


def ending_runtimes(screen: Screen, ending: Sequence[Runtime], today: date) -> None:
    """A line for each runtime in use that AWS stops patching soon, or has."""
    for runtime in ending:
        over = runtime.deprecated is not None and runtime.deprecated <= today
        ends = f"{'is deprecated since' if over else 'will be deprecated on'} {runtime.deprecated}"
        newer = f"{newest('nodejs')} and {newest('python')}"
        screen.note(f"Runtime {runtime.name} {ends}; the newest are {newer}.")


def demo(screen: Screen, report: DemoReport) -> None:
    if screen.json_output:
        screen.json(vars(report))
        return
    versions = report.orders + report.updates
    seconds = report.seconds
    saving = seconds["fix"] + seconds["replay"]
    failures = f"{report.audited} failures audited, {report.quarantined} records in quarantine"
    for line in (
        "",
        "What this proved:",
        f"  {report.resources} resources made in {seconds['up']:.1f} s; a second `up` changed nothing",
        f"  {versions} order versions in, {report.objects} objects out, in {seconds['orders']:.1f} s",
        f"  {report.poison} poison orders: {failures}, in {seconds['failures']:.1f} s",
        f"  errors alarm: {report.errors_alarm}",
        f"  {report.replayed} orders replayed after the fix, in {saving:.1f} s: {report.objects_in_the_end} objects",
        f"  removed in {seconds['down']:.1f} s; {report.left} resources left",
        f"  {seconds['total']:.1f} s in all",
    ):
        screen.line(line)


def _list(console: Console, changes: Iterable[Change]) -> None:
    """What changes, and what is kept for a reason that one should know."""
    for change in changes:
        if change.action is Action.KEEP and not change.reason:
            continue
        console.print(_line(change))
        if change.action in (Action.UPDATE, Action.REPLACE, Action.ADOPT, Action.REFUSE):
            _deltas(console, change.attributes, "      ")


def _deltas(console: Console, deltas: Mapping[str, Delta], indent: str) -> None:
    for path, delta in deltas.items():
        text = Text(f"{indent}{path}: ").append(_shown(delta.before), "red").append(" -> ")
        console.print(text.append(_shown(delta.after), "green"))


def summary(changes: Sequence[Change], done: bool) -> str:
    """``2 to create, 1 to update`` before, ``2 created, 1 updated`` after."""
    counts = Counter(change.action for change in changes)
    parts = []
    for action, (_, _, past) in ACTION_LOOK.items():
        if counts[action] and action is not Action.KEEP:
            parts.append(
                f"{counts[action]} {past}" if done or action is Action.REFUSE else f"{counts[action]} to {action}"
            )
    if not parts:
        return f"Nothing to do: all {pluralize(counts[Action.KEEP], 'resource')} are as the config says."
    if counts[Action.KEEP]:
        parts.append(f"{counts[Action.KEEP]} unchanged")
    return f"{', '.join(parts)}."


def change_document(change: Change) -> dict[str, Any]:
    document: dict[str, Any] = {
        "resource": change.resource,
        "kind": change.kind,
        "name": change.name,
        "action": str(change.action),
        "attributes": _deltas_document(change.attributes),
    }
    return document | ({"reason": change.reason} if change.reason else {})


def status_document(status: ResourceStatus) -> dict[str, Any]:
    document: dict[str, Any] = {
        "resource": status.resource,
        "kind": status.kind,
        "name": status.name,
        "state": str(status.state),
        "drift": _deltas_document(status.drift),
    }
    return document | ({"reason": status.reason} if status.reason else {})


def health_document(health: Health) -> dict[str, Any]:
    return {
        "verdict": _SEVERITY_LOOK[health.verdict][0],
        "checks": [
            {"name": check.name, "ok": check.ok, "value": check.value, "detail": check.detail}
            for check in health.checks
        ],
    }


def _deltas_document(deltas: Mapping[str, Delta]) -> dict[str, Any]:
    return {path: {"from": delta.before, "to": delta.after} for path, delta in deltas.items()}


def _line(change: Change) -> Text:
    mark, colour, _ = ACTION_LOOK[change.action]
    text = Text(f"{mark} {change.action:<8}", colour).append(f"{change.resource:<24}", "bold").append(change.name)
    return text.append(f"\n      {change.reason}", "default") if change.reason else text


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"


def _environment_name(output: str) -> str:
    """``OrdersTableName`` -> ``ORDERS_TABLE_NAME``."""
    return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(output)).upper()
