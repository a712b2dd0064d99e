"""Risks of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.review.case import Case, Risk
from pipectl.review.commands import command
from pipectl.review.model import Flag, FlagKind, When

_IMAGES = "NEW_AND_OLD_IMAGES"


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a table."""
    if values.get("point_in_time_recovery") is False:
        reason = f"table {case.name} has no point-in-time recovery: deleted or changed items cannot be restored"
        yield Risk(FlagKind.DATA_LOSS, reason, "point_in_time_recovery")


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of a table that changes, without those of one state."""
    before, after, what = case.before or {}, case.after or {}, f"table {case.name}"
    if case.before is None:
        return
    now, then = before.get("deletion_protection"), after.get("deletion_protection")
    if now != then:
        reason = f"{what} is not protected against deletion: one call deletes it with all items"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED if now else When.CLOSED, reason, "deletion_protection")
    now, then = before.get("stream"), after.get("stream")
    if now == then:
        return
    if not then:
        reason = f"the stream of {what} is disabled, so its readers get no more records"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED, reason, "stream")
    elif not now:
        reason = f"{what} has no stream: items that are written now are never processed"
        yield Flag(FlagKind.DATA_LOSS, When.CLOSED, reason, "stream")
    else:
        reason = f"the stream of {what} is replaced ({now} -> {then}): items that are written meanwhile can be missed"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED, reason, "stream")
        if now != _IMAGES:
            reason = f"records of the stream of {what} lack images ({now}), so objects are stored without them"
            yield Flag(FlagKind.DATA_LOSS, When.CLOSED, reason, "stream")


def unmanaged(settings: Mapping[str, Any], case: Case) -> Iterator[Flag]:
    """Yield the flag of a time to live."""
    if attribute := settings.get("time_to_live"):
        reason = f"time to live deletes items of table {case.name} at the time in their attribute {attribute}"
        off = f"Enabled=false,AttributeName={attribute}"
        hint = command("dynamodb update-time-to-live", table_name=case.name, time_to_live_specification=off)
        yield Flag(FlagKind.DATA_LOSS, When.STAYS, reason, hint=hint)
