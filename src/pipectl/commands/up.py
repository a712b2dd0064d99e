"""`up`: make the actual state equal the desired state."""

from __future__ import annotations

from dataclasses import dataclass

from pipectl.commands.plan import known_outputs, make_plan
from pipectl.context import Confirm, Context
from pipectl.engine.model import Change, Facts
from pipectl.engine.planner import refusal
from pipectl.facts import MappingFacts
from pipectl.resource_keys import ResourceKey
from pipectl.text import with_flags


@dataclass(frozen=True)
class UpReport:
    """The changes that were made, and the outputs of the pipeline.

    ``catching_up``: the stream mapping first processes the records that wait, of any age.
    """

    changes: tuple[Change, ...]
    outputs: dict[str, str]
    catching_up: bool = False


def up(context: Context, confirm: Confirm, *, adopt: bool = False, allow_stream_replacement: bool = False) -> UpReport:
    """Create missing resources and remove differences.

    Args:
        context: The pipeline.
        confirm: Asked with the changes, if there are any.
        adopt: See `pipectl.commands.plan.make_plan`.
        allow_stream_replacement: See there.

    Raises:
        RefusedError: a resource is not managed, or its difference cannot be removed; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some changes failed; the others were finished. Its ``report`` has those that were done.
    """
    plan = make_plan(context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    if plan.refusals:
        raise refusal(plan.refusals)
    if not plan.pending:
        found = plan.observed.get(ResourceKey.STREAM_MAPPING)
        return UpReport(plan.changes, known_outputs(context, plan), found is not None and _catches_up(found.facts))
    confirm(plan.changes)
    command = with_flags("up", adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    execution = context.execute(plan, command)
    catching_up = _catches_up(execution.facts.get(ResourceKey.STREAM_MAPPING))
    report = UpReport(execution.changes, context.pipeline.outputs(execution.facts), catching_up)
    if execution.error:
        execution.error.report = report
        raise execution.error
    return report


def _catches_up(mapping: Facts | None) -> bool:
    return isinstance(mapping, MappingFacts) and mapping.catching_up is not None and mapping.pause is None
