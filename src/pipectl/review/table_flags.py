"""Risks of tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipectl.review.case import Case, Risk
from pipectl.review.model import FlagKind


def risks(values: Mapping[str, object], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a table."""
    if values.get("point_in_time_recovery") is False:
        reason = f"table {case.name} has no point-in-time recovery: deleted or changed items cannot be restored"
        yield Risk(FlagKind.DATA_LOSS, reason, "point_in_time_recovery")
