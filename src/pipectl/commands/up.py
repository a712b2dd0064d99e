"""`up`: make the actual state equal the desired state."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from pipectl.commands.plan import Confirm, PlanReport, as_typed, make_plan, report_of
from pipectl.config.names import UNRESOLVED_INDEX, UNRESOLVED_INDEX_TAG
from pipectl.context import Context
from pipectl.engine.model import Action, Change, Facts
from pipectl.engine.planner import Plan, refusal
from pipectl.engine.timeline import Timeline
from pipectl.errors import PipectlError, PlanChangedError
from pipectl.facts import MappingFacts, TableFacts
from pipectl.failures.unresolved import fill
from pipectl.orphans import Orphan, OrphanSearch, Search
from pipectl.resource_keys import ResourceKey
from pipectl.resources.table import FILLED
from pipectl.review.model import Flag
from pipectl.text import with_flags


@dataclass(frozen=True)
class UpReport:
    """The changes that were made, and the outputs of the pipeline.

    Args:
        changes: One for each resource.
        outputs: The outputs.
        catching_up: The stream mapping first processes the records that wait, of any age.
        plan: The id of the plan that was executed.
        seconds: The time that the changes took, without the question.
        orphans: Resources of earlier names that remain, looked for where something was created.
        flags: The risks that the plan named, by resource.
        timeline: When each change was made.
    """

    changes: tuple[Change, ...]
    outputs: dict[str, str]
    catching_up: bool = False
    plan: str = ""
    seconds: float = 0.0
    orphans: tuple[Orphan, ...] = ()
    flags: Mapping[str, tuple[Flag, ...]] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)


def up(
    context: Context,
    confirm: Confirm,
    *,
    adopt: Collection[str] = (),
    allow_stream_replacement: bool = False,
    details: bool = False,
    reviewed: str | None = None,
) -> UpReport:
    """Create missing resources and remove differences.

    Args:
        context: The pipeline.
        confirm: Asked with the plan, if it has changes.
        adopt: See `pipectl.commands.plan.make_plan`.
        allow_stream_replacement: See there.
        details: Compare the code, and look for orphans, for the confirmation; see `pipectl.commands.plan.report_of`.
        reviewed: The id of a plan that was reviewed. Only that plan is executed, without a confirmation.

    Raises:
        PlanChangedError: the plan has another id than ``reviewed``; nothing was changed.
        RefusedError: a resource is not managed, or its difference cannot be removed; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some changes failed; the others were finished. Its ``report`` has those that were done.
    """
    plan = make_plan(context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    if plan.refusals:
        adopted = as_typed(adopt)
        raise refusal(plan.refusals, adopted=adopted, accepted_loss=allow_stream_replacement, reviewed=reviewed)
    show = partial(report_of, context, plan, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    shown = show(details=details and bool(plan.pending))
    if not plan.pending:
        return _in_sync(context, plan, shown, reviewed)
    if reviewed is None:
        confirm(shown)
    elif reviewed != shown.id:
        raise _changed(reviewed, show(details=True))
    command = with_flags("up", adopt=as_typed(adopt), allow_stream_replacement=allow_stream_replacement)
    with _orphans_meanwhile(context, plan, shown) as orphans:
        report = _executed(context, plan, shown, command)
        _fill_index(context, plan, report)
        found = orphans()
    return replace(report, orphans=found.orphans) if found else report


@contextmanager
def _orphans_meanwhile(context: Context, plan: Plan, shown: PlanReport) -> Iterator[Callable[[], Search | None]]:
    """Look for orphans while the changes of a plan are made, if it creates something: no change affects an orphan.

    Yields:
        A function that waits for the result; ``None`` where nobody looked.
    """
    creates = any(change.action is Action.CREATE for change in plan.changes)
    with ThreadPoolExecutor(1) as pool:
        search = pool.submit(OrphanSearch(context).find) if creates and shown.orphans is None else None
        try:
            yield lambda: search.result() if search else shown.orphans
        except KeyboardInterrupt:
            context.cancel()  # the end of the block waits for the search
            raise


def _executed(context: Context, plan: Plan, shown: PlanReport, command: str) -> UpReport:
    """Make the changes of a plan.

    Raises:
        PipectlError: some changes failed; the others were finished. Its ``report`` has those that were done.
    """
    start = context.aws.clock.monotonic()
    execution = context.execute(plan, command)
    catching_up = _catches_up(execution.facts.get(ResourceKey.STREAM_MAPPING))
    seconds, outputs = context.aws.clock.monotonic() - start, context.pipeline.outputs(execution.facts)
    report = UpReport(
        execution.changes,
        outputs,
        catching_up,
        shown.id,
        seconds,
        flags=_flags(shown),
        timeline=execution.timeline,
    )
    if execution.error:
        execution.error.report = report
        raise execution.error
    return report


def _in_sync(context: Context, plan: Plan, shown: PlanReport, reviewed: str | None) -> UpReport:
    """Return the report of a plan without changes.

    It is a success for every reviewed id: without a state file, a plan that was applied cannot be recognized, and a job
    that applies it may run again.
    """
    if reviewed and reviewed != shown.id:
        context.reporter.note(f"Plan {reviewed} has nothing left to do: it was applied, or became unnecessary.")
    found = plan.observed.get(ResourceKey.STREAM_MAPPING)
    catching_up = found is not None and _catches_up(found.facts)
    report = UpReport(plan.changes, shown.outputs, catching_up, shown.id, flags=_flags(shown))
    _fill_index(context, plan, report)
    return report


def _flags(shown: PlanReport) -> dict[str, tuple[Flag, ...]]:
    return {review.change.resource: review.flags for review in shown.reviews}


def _changed(reviewed: str, now: PlanReport) -> PlanChangedError:
    """Return the error that the plan is not the reviewed one, with the plan as it is now."""
    error = PlanChangedError(
        f"the plan is {now.id} now, not {reviewed}: the resources, the config, the code, the options or pipectl have "
        "changed since. Nothing was changed.",
        hint=f"review the plan as it is now, then run `pipectl {now.apply}`",
    )
    error.report = now
    return error


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
