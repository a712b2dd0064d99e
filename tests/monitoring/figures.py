"""Metrics, deployments and failures of a pipeline, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pipectl.aws.stream_records import Cause
from pipectl.failures.explanation import Explanation, FailedOrder, Safety
from pipectl.failures.model import Failure
from pipectl.monitoring.activity import Deploy
from pipectl.monitoring.metrics import Metrics, Point
from pipectl.monitoring.unresolved import Unresolved
from tests.commands.audit_items import audit_item

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)

_SERIES = {
    "invocations": "processor_invocations",
    "errors": "processor_errors",
    "auditor_errors": "auditor_errors",
    "processor_throttles": "processor_throttles",
}


def ago(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


def metrics(**series: Mapping[int, float]) -> Metrics:
    """Return metrics at noon. Each series has values by minutes ago."""
    points = {
        _SERIES[name]: sorted((Point(ago(minutes), value) for minutes, value in values.items()), reverse=True)
        for name, values in series.items()
    }
    return Metrics(NOON, lambda: points)


def deployed(minutes: float, *, rolled_back: bool = False) -> Deploy:
    return Deploy("7", ago(minutes), rolled_back)


def failed(
    order: str,
    minutes: float = 10,
    *,
    reason: str = "InvalidOrderError: amount must be a number",
    safety: Safety = Safety.QUARANTINED,
    until: datetime | None = None,
    version: str | None = None,
    replayed: str | None = None,
    at_most: bool = False,
) -> Explanation:
    """Return a failure of one order, that many minutes ago, and perhaps of its replay with another version."""
    failure = Failure.of(audit_item(f"id-{order}", ago(minutes)))
    if replayed:
        failure = Failure({**failure.item, "replayedVersion": replayed})
    cause = Cause(reason, ago(minutes), None, version)
    orders = (FailedOrder(None, order, reason, cause, safety is Safety.QUARANTINED),)
    return Explanation(failure, orders, reason, at_most, safety, until)


def unresolved(
    *explanations: Explanation,
    more: bool = False,
    never: int = 0,
    unexplained: int = 0,
    problems: tuple[str, ...] = (),
) -> Unresolved:
    failures = tuple(each.failure for each in explanations)
    return Unresolved(failures, more, explanations, unexplained, never, problems)
