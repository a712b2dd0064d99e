"""`up` and `plan`: make the actual state equal the desired state."""

from __future__ import annotations

from dataclasses import dataclass

from pipectl.context import Confirm, Context
from pipectl.engine.model import Action, Change, Facts
from pipectl.engine.planner import Plan, plan_up, refusal


@dataclass(frozen=True)
class UpReport:
    """The changes that were planned or made, and the outputs of the pipeline afterwards."""

    changes: tuple[Change, ...]
    outputs: dict[str, str]

    @property
    def pending(self) -> list[Change]:
        return [change for change in self.changes if change.action not in (Action.KEEP, Action.REFUSE)]

    @property
    def refused(self) -> list[Change]:
        return [change for change in self.changes if change.action is Action.REFUSE]


def plan(context: Context, *, adopt: bool = False, allow_stream_replacement: bool = False) -> UpReport:
    """Return what `up` would do. Reads only."""
    made = _plan(context, adopt, allow_stream_replacement)
    return UpReport(made.changes, context.pipeline.outputs(_facts(made)))


def up(context: Context, confirm: Confirm, *, adopt: bool = False, allow_stream_replacement: bool = False) -> UpReport:
    """Create what is missing and repair what differs.

    Args:
        context: The pipeline.
        confirm: Asked once the plan is known, if it changes anything.
        adopt: Take over resources of the right name that are not managed.
        allow_stream_replacement: Replace a stream or a mapping even if records are missed meanwhile.

    Raises:
        RefusedError: a resource is not managed, or its difference cannot be removed; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some changes failed; the others were finished.
    """
    made = _plan(context, adopt, allow_stream_replacement)
    if made.refusals:
        raise refusal(made.refusals)
    if not made.pending:
        return UpReport(made.changes, context.pipeline.outputs(_facts(made)))
    confirm(made.changes)
    return UpReport(made.changes, context.pipeline.outputs(context.execute(made, "up")))


def _plan(context: Context, adopt: bool, accept_loss: bool) -> Plan:
    observed = context.observe()
    return plan_up(context.resources, observed, context.pipeline.ownership, adopt=adopt, accept_loss=accept_loss)


def _facts(made: Plan) -> dict[str, Facts]:
    refused = {change.resource for change in made.refusals}
    return {key: found.facts for key, found in made.observed.items() if found and key not in refused}
