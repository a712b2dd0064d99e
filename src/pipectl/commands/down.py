"""`down`: remove what is ours, in reverse, and prove that nothing is left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pipectl.clock import pauses
from pipectl.context import Confirm, Context, raise_if_incomplete
from pipectl.engine.executor import reverse, walk
from pipectl.engine.model import Action, Change, Facts, Observation
from pipectl.engine.planner import graph_of
from pipectl.errors import CancelledError, DataLossError, PipectlError
from pipectl.monitoring.pending_data import Resume, resume, unprocessed
from pipectl.resource_keys import ResourceKey

PROOF_SECONDS = 20
"""How long what is deleted may still be shown before it counts as left."""
LAST = "log-group"
"""Deleted when all else is gone: every invocation until then would make it anew."""


@dataclass(frozen=True)
class DownReport:
    """What was removed, and what was left alone and why."""

    changes: tuple[Change, ...]
    resume: Resume | None = None
    """Of an orders table that is kept: until when an `up` goes on without losing a record."""


def down(context: Context, confirm: Confirm, *, delete_data: bool = False, keep_data: bool = False) -> DownReport:
    """Remove the pipeline.

    Args:
        context: The pipeline.
        confirm: Asked with the list of changes, if there is anything to remove.
        delete_data: Remove data too.
        keep_data: Leave tables, bucket, log groups, and whatever else holds data.

    Raises:
        DataLossError: data would be lost and no flag says what to do with it; nothing was touched.
        DeclinedError: the user said no; nothing was touched.
        PipectlError: what failed, or what is still there afterwards.
    """
    observed = context.observe()
    contents = {} if delete_data else _contents(context, observed)
    if contents and not keep_data:
        raise _data_loss(contents)
    kept = resume(context, context.facts(observed)) if keep_data else None
    changes = _changes(context, observed, keep_data, contents, kept)
    doomed = {change.resource: change for change in changes if change.action is Action.DELETE}
    if not doomed:
        return DownReport(changes, kept)
    confirm(changes)
    _delete(context, observed, doomed)
    _prove_gone(context, {change.resource for change in changes if change.action is Action.KEEP})
    return DownReport(changes, kept)


def _contents(context: Context, observed: dict[str, Observation | None]) -> dict[str, str]:
    ours = context.ours(observed)
    walked = walk(
        dict.fromkeys(ours, ()), lambda key: context.resources[key].contents(ours[key]), cancel=context.cancel
    )
    if walked.interrupted:
        raise CancelledError("interrupted while reading; nothing was touched")
    for error in walked.failed.values():
        raise error
    contents = {key: text for key, text in walked.done.items() if text}
    for key, text in unprocessed(context, ours).items():
        contents[key] = f"{contents[key]}; {text}" if key in contents else text
    return contents


def _data_loss(contents: dict[str, str]) -> DataLossError:
    lines = "\n".join(f"{key}: {text}" for key, text in sorted(contents.items()))
    return DataLossError(
        f"data would be lost, nothing was touched:\n{lines}",
        hint="--keep-data removes the rest and leaves these; --delete-data removes everything for good",
    )


def _changes(
    context: Context,
    observed: dict[str, Observation | None],
    keep_data: bool,
    contents: dict[str, str],
    kept: Resume | None,
) -> tuple[Change, ...]:
    ours = context.ours(observed)
    changes = []
    for key, resource in context.resources.items():
        action, reason = Action.DELETE, None
        if observed[key] is None:
            continue
        if key not in ours:
            action, reason = Action.KEEP, "not ours"
        elif keep_data and (resource.holds_data or key in contents):
            action, reason = Action.KEEP, "data is kept"
            if kept and key == ResourceKey.ORDERS_TABLE:
                reason = f"{reason}; {kept}"
        changes.append(Change(key, resource.kind, resource.name, action, reason=reason))
    return tuple(changes)


def _delete(context: Context, observed: dict[str, Observation | None], doomed: dict[str, Change]) -> None:
    def visit(key: str) -> Facts:
        found = observed[key]
        if key not in doomed or found is None:
            return Facts()

        def work() -> Facts:
            context.resources[key].delete(found)
            return Facts()

        return context.around(doomed[key], work)

    turned = reverse(graph_of(context.resources))
    others = {key for key in turned if context.resources[key].kind != LAST}
    graph = {key: needs & others if key in others else others for key, needs in turned.items()}
    walked = walk(graph, visit, cancel=context.cancel)
    walked.failed = {key: error for key, error in walked.failed.items() if key in doomed}
    walked.blocked = {key: needs for key, needs in walked.blocked.items() if key in doomed}
    raise_if_incomplete(walked, len(walked.done.keys() & doomed.keys()), "down")


def _prove_gone(context: Context, kept: Collection[str]) -> None:
    """Look again, at least twice.

    AWS shows what is deleted for some seconds, and an invocation that ended late makes its log group anew; that is
    removed once more.
    """
    left: dict[str, Observation] = {}
    for look, _ in enumerate(pauses(context.aws.clock, PROOF_SECONDS)):
        found = context.ours(context.observe())
        left = {key: observed for key, observed in found.items() if key not in kept}
        for key in left:
            if context.resources[key].kind == LAST:
                context.resources[key].delete(left[key])
        if look and not left:
            return
    names = ", ".join(f"{key} ({context.resources[key].name})" for key in sorted(left))
    raise PipectlError(
        f"still there after having been removed: {names}",
        hint="run `pipectl down` again; if it was made anew, somebody else is at work on the pipeline",
    )
