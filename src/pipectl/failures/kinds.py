"""The closed lists of failure types and replay statuses."""

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


UNRESOLVED = (ReplayStatus.OPEN, ReplayStatus.PARTIAL, ReplayStatus.FAILED)
"""The statuses of failures that wait for a replay."""
