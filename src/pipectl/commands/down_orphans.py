"""`down --orphans`: delete the resources that remain after a rename, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipectl.commands.down import (
    Confirm,
    DownPreview,
    DownReport,
    execute,
    interrupted,
    mappings_stopped,
    refuse_loss,
    wait_for_batches,
    with_failures_to_come,
)
from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.engine.planner import Plan, plan_down
from pipectl.errors import AccessDeniedError, IncompleteError, PipectlError, RefusedError
from pipectl.monitoring.orphan_data import are_busy, find_orphan_losses, stream_mappings
from pipectl.monitoring.pending_data import Loss
from pipectl.orphans import DELETE, OrphanResources, read_orphans, tagged_orphans
from pipectl.review.renames import references
from pipectl.text import with_flags

POLICY_HINT = (
    "the policy of a deployer covers the names of the config only; for the earlier names, run "
    "`pipectl permissions deployer` with a copy of the config that has them"
)

START_HINT = "a stream mapping of the orphans may be disabled: run the command again, or enable it with the AWS CLI"
"""The hint of an error after which a stream mapping of orphans could not be started again."""


def down_orphans(
    context: Context, confirm: Confirm, *, delete_data: bool = False, keep_data: bool = False
) -> DownReport:
    """Delete the orphans: mappings first, log groups last.

    Data are counted again after the confirmation, as by `down`, while the stream mappings of orphans are stopped.

    Args:
        context: The pipeline.
        confirm: Asked with what would be deleted, if there is anything.
        delete_data: Delete data too.
        keep_data: Leave tables, bucket, log groups, and every other orphan that holds data.

    Raises:
        AccessDeniedError: an orphan, or the index of tags, cannot be read; nothing was changed.
        RefusedError: the pipeline of the config still uses an orphan; nothing was changed.
        DataLossError: data would be lost and no option says what to do with it; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some deletions failed, or orphans still exist afterwards.
    """
    found = read_orphans(context, tagged_orphans(context))
    for error in found.denied.values():
        raise _explained(error)
    if not found.observed:
        return DownReport(())
    observed = context.observe()
    _refuse_used(context, found, observed)
    losses = find_orphan_losses(context, found)
    refuse_loss(losses, delete_data or keep_data, DELETE)
    plan = _plan(context, found, losses if keep_data else None)
    if not plan.pending:
        return DownReport(plan.changes)
    confirm(_preview(context, found, plan, losses if delete_data else (), observed))
    try:
        return _delete(context, found, delete_data=delete_data, keep_data=keep_data)
    except PipectlError as error:
        raise _explained(error) from error.__cause__


def _delete(context: Context, found: OrphanResources, *, delete_data: bool, keep_data: bool) -> DownReport:
    """Count the data again while nothing is processed, then delete the orphans."""
    mappings = stream_mappings(found)
    queues = [key for key in found.observed if found.resources[key].kind == "queue"]
    orphans = context.with_resources(found.resources)
    context.reporter.step("stopping the streams of orphans and counting data again")
    with mappings_stopped(orphans, found.observed, mappings, START_HINT):
        with interrupted("Interrupted. Nothing was deleted."):
            may_fail = not delete_data and are_busy(context, found, mappings)
            if may_fail and not keep_data:
                wait_for_batches(orphans, found.observed, queues, _longest_batch(found))
            losses = find_orphan_losses(context, found, receive=not delete_data)
            if may_fail and keep_data:
                losses = with_failures_to_come(losses, queues)
        refuse_loss(losses, delete_data or keep_data, DELETE)
        plan = _plan(context, found, losses if keep_data else None)
        command = with_flags(DELETE, delete_data=delete_data, keep_data=keep_data)
        report = DownReport(plan.changes, losses if delete_data else ())
        return execute(orphans, plan, report, command, delete_data)


def _longest_batch(found: OrphanResources) -> int:
    """Return the seconds that an orphaned function takes for a batch at most."""
    functions = [key for key in found.observed if found.resources[key].kind == "function"]
    return max((int(found.observed[key].attributes["timeout"]) for key in functions), default=0)


def _preview(
    context: Context,
    found: OrphanResources,
    plan: Plan,
    losses: tuple[Loss, ...],
    observed: Mapping[str, Observation | None],
) -> DownPreview:
    """Return the deletion to confirm, with what can mean that it is the running pipeline."""
    config = context.config
    teams = {str(found.observed[change.resource].tags.get("Team")) for change in plan.pending}
    kinds = {change.kind for change in plan.pending}
    missing = [
        key
        for key, resource in context.resources.items()
        if observed[key] is None and resource.wanted and resource.kind in kinds
    ]
    return DownPreview(
        config.environment,
        plan.changes,
        losses,
        config.protect,
        teams=tuple(sorted(teams - {"None", config.team})),
        orphans=True,
        missing=tuple(missing),
    )


def _refuse_used(context: Context, found: OrphanResources, observed: Mapping[str, Observation | None]) -> None:
    """Refuse when a function or a mapping of the config still names an orphan.

    Raises:
        RefusedError: one does.
    """
    orphans = {(resource.kind, resource.name): key for key, resource in found.resources.items()}
    uses: dict[str, str] = {}
    for key, user in context.managed(observed).items():
        used = sorted({orphans[each] for each in references(user.attributes) if each in orphans})
        if used:
            uses[key] = f"{key} ({context.resources[key].name}) uses {', '.join(used)}"
    if uses:
        raise RefusedError(
            "\n".join(["The pipeline still uses orphans. Nothing was deleted.", *uses.values()]),
            resources=list(uses),
            hint="run `pipectl up`, which changes it to the names of the config",
        )


def _plan(context: Context, found: OrphanResources, kept_data: Collection[Loss] | None) -> Plan:
    """Plan the deletion; ``kept_data`` are the data to keep, ``None`` where none are kept."""
    kept: dict[str, str] = {}
    if kept_data is not None:
        kept = {key: "data is kept" for key, resource in found.resources.items() if resource.holds_data}
        kept |= {loss.resource: f"data is kept: {loss}" for loss in kept_data}
    return plan_down(found.resources, found.observed, context.pipeline.ownership, kept=kept)


def _explained(error: PipectlError) -> PipectlError:
    """Add to the hint of a denied call the policy that allows it."""
    causes = error.errors.values() if isinstance(error, IncompleteError) else [error]
    if any(isinstance(cause, AccessDeniedError) for cause in causes):
        error.hint = "; ".join(filter(None, [error.hint, POLICY_HINT]))
    return error
