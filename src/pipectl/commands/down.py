"""`down`: delete the pipeline's resources and check that none remain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipectl.clock import pauses
from pipectl.context import Confirm, Context
from pipectl.engine.model import Change, Observation
from pipectl.engine.parallel import parallel_map
from pipectl.engine.planner import plan_down
from pipectl.errors import DataLossError, PipectlError
from pipectl.monitoring.pending_data import Resume, resume_of_kept_table, unprocessed
from pipectl.resource_keys import ResourceKey

PROOF_SECONDS = 20
"""Time within which AWS may still report a resource that was deleted."""


@dataclass(frozen=True)
class DownReport:
    """The deleted resources, and those that were left alone and why.

    Args:
        changes: One for each resource that existed.
        resume: For an orders table that is kept: the time until which an `up` continues without losing a record.
    """

    changes: tuple[Change, ...]
    resume: Resume | None = None


def down(context: Context, confirm: Confirm, *, delete_data: bool = False, keep_data: bool = False) -> DownReport:
    """Delete the pipeline.

    Args:
        context: The pipeline.
        confirm: Asked with the list of changes, if there is anything to delete.
        delete_data: Delete data too.
        keep_data: Leave tables, bucket, log groups, and every other resource that holds data.

    Raises:
        DataLossError: data would be lost and no option says what to do with it; nothing was changed.
        DeclinedError: the user said no; nothing was changed.
        PipectlError: some deletions failed, or resources still exist afterwards.
    """
    observed = context.observe()
    contents = {} if delete_data else _contents(context, observed)
    if contents and not keep_data:
        raise _data_loss(contents)
    resume = resume_of_kept_table(context, context.facts(observed)) if keep_data else None
    kept = _kept(context, contents, resume) if keep_data else {}
    plan = plan_down(context.resources, observed, context.pipeline.ownership, kept=kept)
    if plan.pending:
        confirm(plan.changes)
        context.execute(plan, "down")
        _check_gone(context, kept.keys())
    return DownReport(plan.changes, resume)


def _contents(context: Context, observed: dict[str, Observation | None]) -> dict[str, str]:
    """Return the data that would be lost, in words, by the resource that holds it."""
    managed = context.managed(observed)
    results = parallel_map(lambda key: context.resources[key].contents(managed[key]), managed, cancel=context.cancel)
    counted = results.require_done("Interrupted. Nothing was changed.")
    contents = {key: text for key, text in counted.items() if text}
    for key, text in unprocessed(context, managed).items():
        contents[key] = f"{contents[key]}; {text}" if key in contents else text
    return contents


def _data_loss(contents: dict[str, str]) -> DataLossError:
    lines = "\n".join(f"{key}: {text}" for key, text in sorted(contents.items()))
    return DataLossError(
        f"Data would be lost. Nothing was changed.\n{lines}",
        hint="--keep-data deletes the other resources; --delete-data deletes everything permanently",
    )


def _kept(context: Context, contents: dict[str, str], resume: Resume | None) -> dict[str, str]:
    """Return the resources that hold data, with the reason why they are kept."""
    kept = {
        key: "data is kept" for key, resource in context.resources.items() if resource.holds_data or key in contents
    }
    if resume:
        kept[ResourceKey.ORDERS_TABLE] += f"; {resume}"
    return kept


def _check_gone(context: Context, kept: Collection[str]) -> None:
    """Observe again, at least twice, until no managed resource is reported but those that are kept.

    AWS reports a deleted resource for some seconds, and an invocation that ends late creates its log group again;
    that one is deleted once more.
    """
    left: dict[str, Observation] = {}
    for look, _ in enumerate(pauses(context.aws.clock, PROOF_SECONDS)):
        left = {key: found for key, found in context.managed(context.observe()).items() if key not in kept}
        for key in left:
            if context.resources[key].deleted_last:
                context.resources[key].delete(left[key])
        if look and not left:
            return
    names = ", ".join(f"{key} ({context.resources[key].name})" for key in sorted(left))
    raise PipectlError(
        f"still reported after deletion: {names}",
        hint="run `pipectl down` again; if they were created again, another process is modifying the pipeline",
    )
