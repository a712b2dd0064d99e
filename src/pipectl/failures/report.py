"""What came of a replay, in numbers and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipectl.failures.invoking import Failing
from pipectl.failures.model import UNRESOLVED, Failure, ReplayStatus
from pipectl.failures.trail import Outcome

MOST_NAMED = 1000
"""Records and errors that a report names; it counts them all."""


@dataclass
class ReplayReport:
    """What came of it: failures by status, records, and who still fails.

    Attributes:
        statuses: Failures by what this run has written on them; ``OPEN`` are those it could do nothing for.
        replayed: Records that are through.
        still_failing: Those that are not.
        failing: The first of them.
        expired: Sequence numbers that neither the stream nor the quarantine has any more.
        errors: Failures with what kept them from being replayed.
        claimed_elsewhere: Failures that another run is working on, or has worked on, and that are not done.
        audited: Messages of the queue that were audited first.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    still_failing: int = 0
    failing: list[Failing] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    claimed_elsewhere: int = 0
    audited: int = 0

    def add(self, failure: Failure, outcome: Outcome) -> None:
        self.statuses[outcome.status] += 1
        self.expired = [*self.expired, *outcome.expired][:MOST_NAMED]
        if outcome.error and len(self.errors) < MOST_NAMED:
            self.errors.append(f"{failure.audit_id}: {outcome.error}")

    def give_up(self, audit_id: str, why: str) -> None:
        """Nothing could be done for it, and nothing was written on it."""
        self.statuses[ReplayStatus.OPEN] += 1
        self.errors = [*self.errors, f"{audit_id}: {why}"][:MOST_NAMED]

    def count(self, replayed: int, failing: Sequence[Failing]) -> None:
        self.replayed += replayed
        self.still_failing += len(failing)
        self.failing = [*self.failing, *failing][:MOST_NAMED]

    def merge(self, part: ReplayReport) -> None:
        self.statuses.update(part.statuses)
        self.claimed_elsewhere += part.claimed_elsewhere
        self.replayed += part.replayed
        self.still_failing += part.still_failing
        self.failing = [*self.failing, *part.failing][:MOST_NAMED]
        self.expired = [*self.expired, *part.expired][:MOST_NAMED]
        self.errors = [*self.errors, *part.errors][:MOST_NAMED]

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    @property
    def left(self) -> int:
        """Failures that still wait, or are beyond help."""
        unresolved = sum(self.statuses[status] for status in (*UNRESOLVED, ReplayStatus.EXPIRED))
        return unresolved + self.claimed_elsewhere
