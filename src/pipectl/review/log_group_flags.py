"""Risks of log groups."""

from __future__ import annotations

from collections.abc import Iterator

from pipectl.review.case import Case
from pipectl.review.model import Flag, FlagKind, When
from pipectl.text import pluralize


def flags(case: Case) -> Iterator[Flag]:
    """Yield a flag for a retention that is shortened.

    A log group without tags was created by Lambda since the last `up`, so it has no old lines.
    """
    if case.before is None or case.after is None or not (case.observed and case.observed.tags):
        return
    now, then = case.before.get("retention_days"), case.after.get("retention_days")
    if now != then and then and (now is None or then < now):
        before = f"instead of {now}" if now else "instead of indefinitely"
        reason = f"log group {case.name} keeps lines for {pluralize(then, 'day')} {before}; older ones are deleted"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED, reason, "retention_days")
