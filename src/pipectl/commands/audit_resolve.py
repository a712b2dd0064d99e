"""`audit resolve`: failures that a person closes, and opens again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipectl.commands.audit import AuditEntry, entry_of
from pipectl.commands.audit_lookup import find_failures
from pipectl.context import Context
from pipectl.failures.errors import ClaimedFailureError, FailureStatusError, NoSuchFailureError, SeveralFailuresError
from pipectl.failures.model import Failure
from pipectl.failures.resolution import Resolution
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import rfc3339_milliseconds


@dataclass(frozen=True)
class ResolvedFailure:
    """A failure that `audit resolve` has changed. ``resolution`` is ``None`` when it was undone."""

    audit_id: str
    timestamp: str
    status: ReplayStatus
    resolution: Resolution | None


Confirm = Callable[[Sequence[AuditEntry]], None]
"""Shows the failures and asks; raises when the user declines."""


def audit_resolve(context: Context, name: str, by: str, reason: str, confirm: Confirm) -> list[ResolvedFailure]:
    """Close the unresolved failures of an id, or the one of an order, as a person decided that they need no replay.

    Raises:
        NoSuchFailureError: no failure has this id or order.
        AmbiguousIdError: several ids begin with ``name``.
        SeveralFailuresError: an order has several unresolved failures, or its key is also the beginning of an id.
        FailureStatusError: none of them is unresolved.
        ClaimedFailureError: a running replay has claimed one of them.
    """
    entries = _with_status(context, name, UNRESOLVED, "only unresolved failures can be resolved")
    confirm(entries)
    chosen = [entry.failure for entry in entries]
    resolution = Resolution(context.aws.now(), by, reason)
    for failure, written in zip(chosen, context.audit_table.resolve(chosen, resolution), strict=True):
        if not written.done and not _is_resolved(failure, written.found, resolution):
            raise ClaimedFailureError(failure.audit_id)
    return [ResolvedFailure(*failure.key, ReplayStatus.RESOLVED, resolution) for failure in chosen]


def audit_undo(context: Context, name: str, confirm: Confirm) -> list[ResolvedFailure]:
    """Return the resolved failures of an id, or the one of an order, to the status that they had before.

    Raises:
        NoSuchFailureError: no failure has this id or order.
        AmbiguousIdError: several ids begin with ``name``.
        SeveralFailuresError: an order has several resolved failures, or its key is also the beginning of an id.
        FailureStatusError: none of them is resolved.
    """
    rule = "only resolved failures can be unresolved again"
    entries = _with_status(context, name, (ReplayStatus.RESOLVED,), rule)
    confirm(entries)
    chosen = [entry.failure for entry in entries]
    for failure, written in zip(chosen, context.audit_table.undo_resolution(chosen), strict=True):
        if written.done:
            continue
        if written.found is None:
            raise NoSuchFailureError([failure.audit_id])
        if written.found.status is not failure.status_before:
            raise FailureStatusError(failure.audit_id, written.found.status, rule)
    return [ResolvedFailure(*failure.key, failure.status_before, None) for failure in chosen]


def _with_status(context: Context, name: str, statuses: Sequence[ReplayStatus], rule: str) -> list[AuditEntry]:
    context.require([ResourceKey.AUDIT_TABLE])
    found = find_failures(context, name)
    explanations = found.explained.explanations
    chosen = [each for each in explanations if each.failure.status in statuses]
    ids = tuple(dict.fromkeys(each.failure.audit_id for each in chosen or explanations))
    if found.is_order and (found.other_ids or (chosen and len(ids) > 1)):
        raise SeveralFailuresError(name, ids, found.other_ids)
    if not chosen:
        last = explanations[-1].failure
        raise FailureStatusError(last.audit_id, last.status, rule)
    return [entry_of(context, each) for each in chosen]


def _is_resolved(failure: Failure, current: Failure | None, resolution: Resolution) -> bool:
    """Return whether the failure holds this resolution: the response of an update can be lost, and it is repeated.

    Args:
        failure: The failure.
        current: The failure as it is now; ``None`` when it does not exist.
        resolution: The resolution.

    Raises:
        NoSuchFailureError: it has been deleted.
        FailureStatusError: it is no longer unresolved, for another reason.
    """
    if current is None:
        raise NoSuchFailureError([failure.audit_id])
    if current.status in UNRESOLVED:
        return False
    if current.item.get("resolvedAt") == rfc3339_milliseconds(resolution.at):
        return True
    raise FailureStatusError(failure.audit_id, current.status, "only unresolved failures can be resolved")
