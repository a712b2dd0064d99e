"""`audit resolve`: failures that a person closes, and opens again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipectl.commands.audit import AuditEntry, entries_of
from pipectl.context import Context
from pipectl.errors import ClaimedFailureError, FailureStatusError, NoSuchFailureError
from pipectl.failures.model import UNRESOLVED, Failure, ReplayStatus
from pipectl.failures.resolution import Resolution
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


def audit_resolve(context: Context, audit_id: str, by: str, reason: str, confirm: Confirm) -> list[ResolvedFailure]:
    """Close the unresolved failures of an id, because a person decided that they need no replay.

    Raises:
        NoSuchFailureError: no failure has this id.
        FailureStatusError: none of them is unresolved.
        ClaimedFailureError: a running replay has claimed one of them.
    """
    chosen = _with_status(context, audit_id, UNRESOLVED, "only unresolved failures can be resolved")
    confirm(entries_of(context, chosen))
    resolution = Resolution(context.aws.now(), by, reason)
    for failure in chosen:
        if not context.audit_table.resolve(failure, resolution) and not _is_resolved(context, failure, resolution):
            raise ClaimedFailureError(audit_id)
    return [ResolvedFailure(*failure.key, ReplayStatus.RESOLVED, resolution) for failure in chosen]


def audit_undo(context: Context, audit_id: str, confirm: Confirm) -> list[ResolvedFailure]:
    """Return the resolved failures of an id to the status that they had before.

    Raises:
        NoSuchFailureError: no failure has this id.
        FailureStatusError: none of them is resolved.
    """
    rule = "only resolved failures can be unresolved again"
    chosen = _with_status(context, audit_id, (ReplayStatus.RESOLVED,), rule)
    confirm(entries_of(context, chosen))
    for failure in chosen:
        if not context.audit_table.undo_resolution(failure):
            current = context.audit_table.current(failure)
            if current is None:
                raise NoSuchFailureError([audit_id])
            if current.status is not failure.status_before:
                raise FailureStatusError(audit_id, current.status, rule)
    return [ResolvedFailure(*failure.key, failure.status_before, None) for failure in chosen]


def _with_status(context: Context, audit_id: str, statuses: Sequence[ReplayStatus], rule: str) -> list[Failure]:
    context.require([ResourceKey.AUDIT_TABLE])
    found = context.audit_table.with_prefix(audit_id)
    chosen = [failure for failure in found if failure.status in statuses]
    if not chosen:
        raise FailureStatusError(audit_id, found[-1].status, rule)
    return chosen


def _is_resolved(context: Context, failure: Failure, resolution: Resolution) -> bool:
    """Return whether the failure holds this resolution: the response of an update can be lost, and it is repeated.

    Raises:
        NoSuchFailureError: it has been deleted.
        FailureStatusError: it is no longer unresolved, for another reason.
    """
    current = context.audit_table.current(failure)
    if current is None:
        raise NoSuchFailureError([failure.audit_id])
    if current.status in UNRESOLVED:
        return False
    if current.item.get("resolvedAt") == rfc3339_milliseconds(resolution.at):
        return True
    raise FailureStatusError(failure.audit_id, current.status, "only unresolved failures can be resolved")
