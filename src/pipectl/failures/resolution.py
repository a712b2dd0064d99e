"""The resolution of a failure, as the audit table keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipectl.failures.model import ReplayStatus
from pipectl.timestamps import rfc3339_milliseconds

RESOLVE = (
    "SET statusBefore = if_not_exists(replayStatus, :open), replayStatus = :resolved, "
    "resolvedAt = :at, resolvedBy = :by, resolvedReason = :reason"
)
ATTRIBUTES = ("resolvedAt", "resolvedBy", "resolvedReason", "statusBefore")
"""Attributes of an item that a resolution adds."""
UNDO = f"SET replayStatus = :before REMOVE {', '.join(ATTRIBUTES)}"


@dataclass(frozen=True)
class Resolution:
    """The decision of a person that a failure needs no replay.

    Attributes:
        at: Its time.
        by: The person's name.
        reason: The reason that the person gave.
    """

    at: datetime
    by: str
    reason: str

    @property
    def values(self) -> Mapping[str, str]:
        """The values of the update `RESOLVE`, without ``:resolved``."""
        return {
            ":at": rfc3339_milliseconds(self.at),
            ":by": self.by,
            ":reason": self.reason,
            ":open": ReplayStatus.OPEN,
        }
