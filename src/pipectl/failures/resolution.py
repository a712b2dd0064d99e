"""The resolution of a failure, as the audit table keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ATTRIBUTES = ("resolvedAt", "resolvedBy", "resolvedReason", "statusBefore")
"""Attributes of an item that a resolution adds."""


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
