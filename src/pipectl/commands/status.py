"""`status` and `outputs`: what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipectl.context import Context, unusable
from pipectl.engine.model import Action, Change, Delta
from pipectl.engine.planner import plan_up
from pipectl.errors import PipectlError
from pipectl.monitoring.health import Health, Severity, health


class State(StrEnum):
    IN_SYNC = "in-sync"
    DRIFTED = "drifted"
    MISSING = "missing"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class ResourceStatus:
    """One resource, and how it differs from the config."""

    resource: str
    kind: str
    name: str
    state: State
    drift: Mapping[str, Delta]
    reason: str | None = None


@dataclass(frozen=True)
class StatusReport:
    """Every resource, and the health of what runs."""

    resources: tuple[ResourceStatus, ...]
    health: Health

    @property
    def well(self) -> bool:
        """In sync and healthy."""
        in_sync = all(each.state is State.IN_SYNC for each in self.resources)
        return in_sync and self.health.verdict is Severity.HEALTHY


def status(context: Context) -> StatusReport:
    """The state of every resource, and one verdict on health. Reads only."""
    observed = context.observe()
    plan = plan_up(context.resources, observed, context.pipeline.ownership)
    ours = context.facts(observed)
    return StatusReport(tuple(_status(change) for change in plan.changes), health(context, ours))


def _status(change: Change) -> ResourceStatus:
    states = {Action.CREATE: State.MISSING, Action.KEEP: State.IN_SYNC}
    state = states.get(change.action, State.DRIFTED)
    if change.action is Action.REFUSE and not change.attributes:
        state = State.FOREIGN
    drift = change.attributes if state is State.DRIFTED else {}
    return ResourceStatus(change.resource, change.kind, change.name, state, drift, change.reason)


def outputs(context: Context) -> dict[str, str]:
    """What others need to use the pipeline. Reads only.

    Raises:
        PipectlError: some of it is not there.
    """
    observed = context.observe()
    ours = context.facts(observed)
    missing = [
        unusable(context.resources[key], observed[key]) for key in context.pipeline.output_resources if key not in ours
    ]
    if missing:
        raise PipectlError(
            f"no outputs: not there, or not ours: {', '.join(missing)}", hint="run `pipectl up`, then ask again"
        )
    return context.pipeline.outputs(ours)
