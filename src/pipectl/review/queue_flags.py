"""Risks of queues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipectl.review import encryption
from pipectl.review.case import Case, Risk
from pipectl.review.model import Flag, FlagKind, When
from pipectl.review.policy_flags import policy_flags
from pipectl.text import measured

_LARGEST_FAILURE = 4096
"""Bytes. A message about a failure has about 1,000; names of the longest form make it larger."""


def risks(values: Mapping[str, Any], case: Case) -> Iterator[Risk]:
    """Yield the risks of one state of a queue, without those of its policy."""
    what, size = f"queue {case.name}", values.get("maximum_message_size")
    if isinstance(size, int) and size < _LARGEST_FAILURE:
        reason = (
            f"{what} refuses messages of more than {size:,} bytes: a failure can be larger, and would be lost "
            f"({_LARGEST_FAILURE:,} bytes are enough)"
        )
        yield Risk(FlagKind.DATA_LOSS, reason, "maximum_message_size", "maximum_message_size")
    if redrive := values.get("redrive_policy"):
        reason = f"{what} moves failures to another queue before they are audited: {redrive}"
        yield Risk(FlagKind.DATA_LOSS, reason, "redrive_policy", "redrive_policy")
    days = values.get("retention_days")
    if isinstance(days, int | float) and days < 1:
        reason = f"{what} deletes failures that are not audited within {measured(days, 'days')}"
        yield Risk(FlagKind.DATA_LOSS, reason, "retention_days", "retention_days")
    yield from encryption.risks(values.get("encryption"), what, case.account_id)


def flags(case: Case) -> Iterator[Flag]:
    """Yield the flags of a queue that changes, without those of one state."""
    before, after, what = case.before or {}, case.after or {}, f"queue {case.name}"
    yield from policy_flags(before.get("policy"), after.get("policy"), "policy", case.account_id, what)
    yield from encryption.flags(before.get("encryption"), after.get("encryption"), what, case.account_id)
    now, then = before.get("retention_days"), after.get("retention_days")
    if isinstance(now, int | float) and isinstance(then, int | float) and then < now:
        kept = f"{measured(then, 'days')} instead of {measured(now, 'days')}"
        reason = f"{what} keeps failures for {kept}; older ones are deleted at once"
        yield Flag(FlagKind.DATA_LOSS, When.OPENED, reason, "retention_days")
