"""Results of `status`: each thing that can be wrong, all together, and none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from pipectl.commands.status import ResourceStatus, State, StatusReport
from pipectl.engine.model import Delta
from pipectl.failures.explanation import Safety
from pipectl.monitoring.activity import Activity, Deploy, Evidence, activity
from pipectl.monitoring.alarms import FiringAlarm
from pipectl.monitoring.checks import Check, Finding, Severity
from pipectl.monitoring.health import Flow, Health
from pipectl.output import status
from pipectl.output.console import Screen
from tests.monitoring.figures import NOON, ago, deployed, failed, metrics, unresolved

Sample: TypeAlias = Callable[[Screen], object]

OK, UNKNOWN, DEGRADED, FAILING = Severity
NAMES = (
    *("stream-mapping", "queue-mapping", "iterator-age", "processor-errors", "processor-throttles"),
    *("auditor-errors", "auditor-throttles", "queue", "alarms", "open-failures"),
)
IN_SYNC = ResourceStatus("auditor", "function", "dev-order-processor-lambda-backend", State.IN_SYNC, {})


def report(*checks: Check, resources: tuple[ResourceStatus, ...] = (IN_SYNC,), **parts: Any) -> StatusReport:
    """Return a report in which all other checks are healthy."""
    named = {check.name: check for check in checks}
    whole = [named.pop(name, Check(name, OK, Finding.OK, 0, "fine")) for name in NAMES]
    return StatusReport("dev", "123456789012", "us-east-1", NOON, resources, Health((*whole, *named.values()), **parts))


def errors(deploy: Deploy | None = None, left: int = 0, **invocations: int) -> Activity:
    """Return the activity of a pipeline whose errors began 20 minutes ago."""
    figures = metrics(
        errors={20: 27, 12: 180, 6: 2},
        invocations={20: 40, 12: 200, 6: 3} | {int(name[1:]): count for name, count in invocations.items()},
    )
    return activity(figures, deploy, Evidence(left))


def alarm(resource: str, *, over: bool = False, name: str = "dev-alarm") -> FiringAlarm:
    return FiringAlarm(resource, name, ago(11), over, unproven=False, resets_by=ago(-9) if over else None)


def check_of_errors(severity: Severity = DEGRADED, finding: Finding = Finding.ERRORS) -> Check:
    command = None if severity is OK else "logs processor"
    return Check("processor-errors", severity, finding, 209, "209 errors", command)


def incident(text: str) -> StatusReport:
    """Return a report in which everything is wrong."""
    explained = [
        *(failed(f"o-{number:03}", reason=f"InvalidOrderError: got {number}") for number in range(27)),
        failed(text, reason=text, safety=Safety.STREAM, until=NOON + timedelta(hours=2.1)),
        failed("o-100", reason="TypeError: no", safety=Safety.GONE),
        failed("o-101", reason="KeyError: no", safety=Safety.UNKNOWN),
    ]
    found = unresolved(*explained, never=1, unexplained=3, problems=(text,))
    resources = (
        ResourceStatus("orders-table", "table", text, State.DRIFTED, {"stream": Delta(text, "on")}, text),
        ResourceStatus("bucket", "bucket", "dev-bucket", State.FOREIGN, {}, f"tags: {text}"),
        IN_SYNC,
        ResourceStatus("errors-alarm", "alarm", "dev-alarm", State.MISSING, {}),
    )
    return report(
        Check("stream-mapping", FAILING, Finding.STOPPED, text, f"the stream mapping is {text}", "up"),
        Check("iterator-age", UNKNOWN, Finding.UNKNOWN, None, "records wait: the stream mapping does not read"),
        check_of_errors(),
        Check("auditor-throttles", DEGRADED, Finding.THROTTLED, 7, "the auditor was throttled 7 times", "doctor"),
        Check("queue", DEGRADED, Finding.WAITING, 3, "3 messages waiting for the auditor", "logs auditor"),
        Check("alarms", FAILING, Finding.ALARM, [text], f"firing: {text}", "logs processor"),
        Check("open-failures", FAILING, Finding.OPEN_FAILURES, 30, "30 failures are waiting", "audit list"),
        resources=resources,
        activity=errors(deployed(600), 30),
        unresolved=found,
        deploy=deployed(600),
        alarms=tuple(
            alarm(key, name=f"{key}-{text}")
            for key in ("errors-alarm", "failures-alarm", "lost-failures-alarm", "throttles-alarm")
        ),
        flow=Flow(1200, timedelta(minutes=2), 243, 209, 2, 3, 30),
    )


def healthy() -> StatusReport:
    return report(
        deploy=deployed(180), activity=activity(metrics(), None, Evidence(0)), flow=Flow(0, None, 0, 0, 0, 0, 0)
    )


def replayed() -> StatusReport:
    """Return the report after a clean replay: two alarms still fire."""
    return report(
        check_of_errors(OK, Finding.OK),
        Check("alarms", OK, Finding.ALARM_ENDING, ["dev-alarm"], "firing"),
        activity=errors(deployed(5), m3=30),
        deploy=deployed(5),
        alarms=(alarm("errors-alarm", over=True), alarm("failures-alarm", over=True)),
        flow=Flow(40, timedelta(seconds=2), 273, 209, 2, 0, 0),
    )


LIVE_CODE = {"live.code_sha256": Delta("before", "after")}


def not_proven() -> StatusReport:
    """Return the report after a rollback, before anything has run through it."""
    deploy = deployed(5, rolled_back=True)
    return report(
        Check("processor-errors", UNKNOWN, Finding.NOT_PROVEN, 209, "209 errors; not proven", "replay-dlq"),
        activity=errors(deploy, 30),
        resources=(ResourceStatus("processor", "function", "dev-processor", State.DRIFTED, LIVE_CODE, "rolled back"),),
        deploy=deploy,
        alarms=(FiringAlarm("errors-alarm", "dev-alarm", ago(11), over=False, unproven=True, resets_by=None),),
    )


def unreadable(text: str) -> StatusReport:
    """Return the report of a caller who may not read the metrics."""
    denied = [
        Check(name, DEGRADED, Finding.UNREADABLE, None, f"{name} cannot be read: {text}", "doctor")
        for name in ("iterator-age", "processor-errors", "queue")
    ]
    return report(*denied, flow=Flow(unresolved=0))


def status_samples(text: str) -> dict[str, Sample]:
    """Return a call for each screen of `status`, with ``text`` as the data."""
    return {
        "status": partial(status.result, report=incident(text)),
        "status all": partial(status.result, report=healthy(), every=True, local=True),
        "status brief": partial(status.brief, report=incident(text)),
        "status after a clean replay": partial(status.result, report=replayed()),
        "status not proven": partial(status.result, report=not_proven()),
        "status unreadable": partial(status.result, report=unreadable(text)),
    }
