"""`down --orphans`: delete the resources that remain after a rename, and nothing else."""

from __future__ import annotations

from collections.abc import Collection

from pipectl.commands.down import Confirm, DownPreview, DownReport, execute, refuse_loss
from pipectl.context import Context
from pipectl.engine.planner import Plan, plan_down
from pipectl.errors import AccessDeniedError, IncompleteError, PipectlError
from pipectl.monitoring.orphan_data import find_orphan_losses
from pipectl.monitoring.pending_data import Loss
from pipectl.orphans import DELETE, OrphanResources, read_orphans, tagged_orphans
from pipectl.text import with_flags

POLICY_HINT = (
    "the policy of a deployer covers the names of the config only; for the earlier names, run "
    "`pipectl permissions deployer` with a copy of the config that has them"
)


def down_orphans(
    context: Context, confirm: Confirm, *, delete_data: bool = False, keep_data: bool = False
) -> DownReport:
    """Delete the orphans: mappings first, log groups last.

    Args:
        context: The pipeline.
        confirm: Asked with what would be deleted, if there is anything.
        delete_data: Delete data too.
        keep_data: Leave tables, bucket, log groups, and every other orphan that holds data.

    Raises:
        AccessDeniedError: an orphan, or the index of tags, cannot be read; nothing was changed.
        DataLossError: data would be lost and no option says what to do with it; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some deletions failed, or orphans still exist afterwards.
    """
    found = read_orphans(context, tagged_orphans(context))
    for error in found.denied.values():
        raise _explained(error)
    losses = find_orphan_losses(context, found)
    refuse_loss(losses, delete_data or keep_data, DELETE)
    plan = _plan(context, found, losses if keep_data else None)
    if not plan.pending:
        return DownReport(plan.changes)
    deleted = losses if delete_data else ()
    config = context.config
    teams = {str(found.observed[change.resource].tags.get("Team")) for change in plan.pending}
    untagged = {"None", config.team}
    others = tuple(sorted(teams - untagged))
    confirm(DownPreview(config.environment, plan.changes, deleted, config.protect, others, orphans=True))
    command = with_flags(DELETE, delete_data=delete_data, keep_data=keep_data)
    try:
        return execute(
            context.with_resources(found.resources), plan, DownReport(plan.changes, deleted), command, delete_data
        )
    except PipectlError as error:
        raise _explained(error) from error.__cause__


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
