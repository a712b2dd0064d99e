"""`down`: remove what is ours, in reverse, and prove that nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice

from pipectl.clock import pauses
from pipectl.commands.context import Confirm, Context, raise_if_incomplete
from pipectl.commands.health import LOOK_BACK, MOST_COUNTED
from pipectl.commands.metrics import Metrics
from pipectl.commands.progress import progress
from pipectl.engine.model import Action, Change, Facts, Observation
from pipectl.engine.reconcile import graph_of
from pipectl.engine.walk import reverse, walk
from pipectl.errors import AwsError, CancelledError, DataLossError, PipectlError
from pipectl.failures.model import UNRESOLVED
from pipectl.failures.trail import failures
from pipectl.words import counted

LONGEST_WAIT = 300
"""Seconds that a record may wait for the processor before it counts as data that would be lost."""
PROOF_SECONDS = 20
"""How long what is deleted may still be shown before it counts as left."""
LAST = "log-group"
"""Deleted when all else is gone: every invocation until then would make it anew."""


@dataclass(frozen=True)
class DownReport:
    """What was removed, and what was left alone and why."""

    changes: tuple[Change, ...]


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
    changes = _changes(context, observed, keep_data, contents)
    doomed = {change.resource: change for change in changes if change.action is Action.DELETE}
    if not doomed:
        return DownReport(changes)
    confirm(changes)
    _delete(context, observed, doomed)
    _prove_gone(context, {change.resource for change in changes if change.action is Action.KEEP})
    return DownReport(changes)


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


def unprocessed(context: Context, ours: Mapping[str, Observation]) -> dict[str, str]:
    """What is still to be done with the data, in words, by the resource that holds it.

    What cannot be read counts: nobody knows that it is nothing.
    """
    questions: dict[str, Callable[[], str | None]] = {}
    if "audit-table" in ours:
        questions["audit-table"] = lambda: _open_failures(context)
    if "orders-table" in ours and "stream-mapping" in ours:
        questions["orders-table"] = lambda: _unread_records(context, ours["stream-mapping"].facts)
    answers: dict[str, str | None] = {}
    for key, ask in questions.items():
        try:
            answers[key] = ask()
        except AwsError as error:
            answers[key] = f"what waits to be processed cannot be read: {error.message}"
    return {key: text for key, text in answers.items() if text}


def _open_failures(context: Context) -> str | None:
    now, table = context.aws.clock.now(), context.pipeline.physical.audit_table
    found = failures(context.aws, table, since=now - LOOK_BACK, until=now, statuses=UNRESOLVED)
    count = sum(1 for _ in islice(found, MOST_COUNTED))
    least = "at least " if count == MOST_COUNTED else ""
    return f"{least}{counted(count, 'failure')} of the last 48 hours still to be replayed" if count else None


def _unread_records(context: Context, mapping: Facts) -> str | None:
    """Of a mapping that does not read nobody knows whether something was written since; it counts as if."""
    now = context.aws.clock.now()
    if stopped := progress(context, mapping, now).stopped:
        return f"what was written since has not been processed: {stopped}"
    age = Metrics(context, now).iterator_age() or 0
    return f"records wait up to {age:.0f} s for the processor" if age > LONGEST_WAIT else None


def _data_loss(contents: dict[str, str]) -> DataLossError:
    lines = "\n".join(f"{key}: {text}" for key, text in sorted(contents.items()))
    return DataLossError(
        f"data would be lost, nothing was touched:\n{lines}",
        hint="--keep-data removes the rest and leaves these; --delete-data removes everything for good",
    )


def _changes(
    context: Context, observed: dict[str, Observation | None], keep_data: bool, contents: dict[str, str]
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
        changes.append(Change(key, resource.kind, resource.name, action, reason=reason))
    return tuple(changes)


def _delete(context: Context, observed: dict[str, Observation | None], doomed: dict[str, Change]) -> None:
    def visit(key: str) -> Facts:
        found = observed[key]
        if key not in doomed or found is None:
            return {}

        def work() -> Facts:
            context.resources[key].delete(found)
            return {}

        return context.around(doomed[key], work)

    turned = reverse(graph_of(context.resources))
    last = {key for key, resource in context.resources.items() if resource.kind == LAST}
    for keys in (turned.keys() - last, last):
        walked = walk({key: turned[key] & keys for key in keys}, visit, cancel=context.cancel)
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
