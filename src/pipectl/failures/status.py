"""Types and statuses of failures, which the options of commands name."""

from __future__ import annotations

from enum import StrEnum

FAILURE_TYPES = ("RetryAttemptsExhausted", "RecordAgeExceeded", "UnparseableMessage", "Other")
"""A closed list, so that asking the index for each of them finds every failure."""


class ReplayStatus(StrEnum):
    OPEN = "OPEN"
    REPLAYED = "REPLAYED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    RESOLVED = "RESOLVED"


def replay_status(value: object) -> ReplayStatus:
    """Return an item's status; one that is missing or invalid is ``OPEN``."""
    try:
        return ReplayStatus(str(value))
    except ValueError:
        return ReplayStatus.OPEN


UNRESOLVED = (ReplayStatus.OPEN, ReplayStatus.PARTIAL, ReplayStatus.FAILED)
"""Statuses of failures that a replay still has to process."""

DONE = tuple(status for status in ReplayStatus if status not in UNRESOLVED)
"""Statuses of failures that only a forced replay processes again."""
