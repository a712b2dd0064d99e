"""`status`: report the actual state and the health of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pipectl.context import Context
from pipectl.engine.model import UNKNOWN, Action, Change, Delta, Observation
from pipectl.engine.planner import plan_up
from pipectl.errors import AwsError
from pipectl.monitoring.backlog import with_ended_backlog
from pipectl.monitoring.checks import Severity
from pipectl.monitoring.health import Health, health
from pipectl.monitoring.metrics import Metrics
from pipectl.orphans import OrphanSearch
from pipectl.resource_keys import ResourceKey


class State(StrEnum):
    IN_SYNC = "in-sync"
    DRIFTED = "drifted"
    MISSING = "missing"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class ResourceStatus:
    """A resource, and its differences from the config."""

    resource: str
    kind: str
    name: str
    state: State
    drift: Mapping[str, Delta]
    reason: str | None = None


@dataclass(frozen=True)
class StatusReport:
    """Every resource, and the health of the running pipeline.

    Args:
        environment: The pipeline's environment.
        account_id: Its account.
        region: Its region.
        now: The time of the report.
        resources: Every resource.
        health: The health.
    """

    environment: str
    account_id: str
    region: str
    now: datetime
    resources: tuple[ResourceStatus, ...]
    health: Health

    @property
    def differing(self) -> tuple[ResourceStatus, ...]:
        """The resources that are not in sync, as far as they can be read."""
        agreed = (State.IN_SYNC, State.UNREADABLE)
        return tuple(each for each in self.resources if each.state not in agreed)

    @property
    def undeployed(self) -> bool:
        """Return whether every resource is missing."""
        return bool(self.resources) and all(each.state is State.MISSING for each in self.resources)

    @property
    def in_sync(self) -> int:
        return sum(each.state is State.IN_SYNC for each in self.resources)

    @property
    def differs_live(self) -> bool:
        """Return whether the live version of the processor differs, so that `up` lets another one be live."""
        paths = [path for each in self.resources if each.resource == ResourceKey.PROCESSOR for path in each.drift]
        return any(path.partition(".")[0] == "live" for path in paths)

    @property
    def healthy(self) -> bool:
        """Return whether every resource is in sync and the pipeline is healthy."""
        return not self.differing and self.health.verdict is Severity.HEALTHY


def status(context: Context, orphans: OrphanSearch | None = None) -> StatusReport:
    """Return the state of every resource, and the health of the pipeline. Reads only.

    Args:
        context: The pipeline.
        orphans: Looks for orphans; reports that are repeated share one.
    """
    return read_status(context, orphans)[0]


def read_status(
    context: Context, orphans: OrphanSearch | None = None
) -> tuple[StatusReport, Mapping[str, Observation | None]]:
    """Return the report of `status`, and the resources as they were observed, as far as they can be read."""
    observed, denied = context.observe_readable()
    unreadable = {key: f"needs {', '.join(error.actions)}" for key, error in denied.items()}
    metrics = Metrics.of(context, context.aws.clock.now())
    with suppress(AwsError):  # the checks report metrics that cannot be read
        observed = with_ended_backlog(context, observed, metrics)
    plan = plan_up(context.resources, {**observed, **dict.fromkeys(denied)}, context.pipeline.ownership)
    resources = tuple(_status(change, unreadable) for change in plan.changes)
    report = StatusReport(
        context.config.environment,
        context.aws.account_id,
        context.aws.region,
        metrics.now,
        resources,
        health(context, context.facts(observed), metrics, unreadable, orphans or OrphanSearch(context)),
    )
    return report, observed


def _status(change: Change, unreadable: Mapping[str, str]) -> ResourceStatus:
    """Return the state of a resource. Attributes that depend on a resource that cannot be read are no difference."""
    if reason := unreadable.get(change.resource):
        return ResourceStatus(change.resource, change.kind, change.name, State.UNREADABLE, {}, reason)
    if unreadable and change.attributes and change.action is not Action.CREATE:
        known = {path: delta for path, delta in change.attributes.items() if delta.after is not UNKNOWN}
        change = replace(change, attributes=known, action=change.action if known else Action.KEEP)
    states = {Action.CREATE: State.MISSING, Action.KEEP: State.IN_SYNC}
    state = states.get(change.action, State.DRIFTED)
    if change.refusal and change.refusal.unmanaged:
        state = State.FOREIGN
    drift = change.attributes if state is State.DRIFTED else {}
    return ResourceStatus(change.resource, change.kind, change.name, state, drift, change.reason)
