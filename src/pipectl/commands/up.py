"""`up`: make the actual state equal the desired state."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipectl.commands.plan import Confirm, as_typed, known_outputs, make_plan, report_of
from pipectl.config.names import UNRESOLVED_INDEX, UNRESOLVED_INDEX_TAG
from pipectl.context import Context
from pipectl.engine.model import Change, Facts
from pipectl.engine.planner import Plan, refusal
from pipectl.errors import PipectlError
from pipectl.facts import MappingFacts, TableFacts
from pipectl.failures.unresolved import fill
from pipectl.resource_keys import ResourceKey
from pipectl.resources.table import FILLED
from pipectl.text import with_flags


@dataclass(frozen=True)
class UpReport:
    """The changes that were made, and the outputs of the pipeline.

    ``catching_up``: the stream mapping first processes the records that wait, of any age.
    """

    changes: tuple[Change, ...]
    outputs: dict[str, str]
    catching_up: bool = False


def up(
    context: Context,
    confirm: Confirm,
    *,
    adopt: Collection[str] = (),
    allow_stream_replacement: bool = False,
    code: bool = False,
) -> UpReport:
    """Create missing resources and remove differences.

    Args:
        context: The pipeline.
        confirm: Asked with the plan, if it has changes.
        adopt: See `pipectl.commands.plan.make_plan`.
        allow_stream_replacement: See there.
        code: Compare the code of functions with the deployed one for the confirmation.

    Raises:
        RefusedError: a resource is not managed, or its difference cannot be removed; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some changes failed; the others were finished. Its ``report`` has those that were done.
    """
    plan = make_plan(context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    if plan.refusals:
        raise refusal(plan.refusals, adopted=as_typed(adopt), accepted_loss=allow_stream_replacement)
    if not plan.pending:
        found = plan.observed.get(ResourceKey.STREAM_MAPPING)
        report = UpReport(plan.changes, known_outputs(context, plan), found is not None and _catches_up(found.facts))
        _fill_index(context, plan, report)
        return report
    confirm(report_of(context, plan, code=code))
    command = with_flags("up", adopt=as_typed(adopt), allow_stream_replacement=allow_stream_replacement)
    execution = context.execute(plan, command)
    catching_up = _catches_up(execution.facts.get(ResourceKey.STREAM_MAPPING))
    report = UpReport(execution.changes, context.pipeline.outputs(execution.facts), catching_up)
    if execution.error:
        execution.error.report = report
        raise execution.error
    _fill_index(context, plan, report)
    return report


def _fill_index(context: Context, plan: Plan, report: UpReport) -> None:
    """Add the failures of an older audit table to its index of unresolved failures, then set the tag, once.

    The auditor of that time did not, so it has to be updated before.

    Raises:
        PipectlError: that failed. The next `up` continues.
    """
    found = plan.observed.get(ResourceKey.AUDIT_TABLE)
    if found is None or found.facts_as(TableFacts).filled:
        return
    table = context.resources[ResourceKey.AUDIT_TABLE]
    try:
        fill(context.audit_table, context.aws.clock, context.reporter.note)
        desired = table.desired({})
        tags = {**desired["tags"], UNRESOLVED_INDEX_TAG: FILLED}
        table.update({**desired, "tags": tags}, found, ["tags"])
    except PipectlError as error:
        error.report = report
        raise
    context.reporter.note(f"{UNRESOLVED_INDEX} has all unresolved failures now")


def _catches_up(mapping: Facts | None) -> bool:
    return isinstance(mapping, MappingFacts) and mapping.catching_up is not None and mapping.pause is None
