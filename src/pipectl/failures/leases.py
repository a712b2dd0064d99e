"""Leases of one run: the failures that it has claimed and not yet settled or released."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

from pipectl.clock import Clock
from pipectl.errors import PipectlError
from pipectl.failures.audit_table import AuditTable
from pipectl.failures.model import UNRESOLVED, Failure
from pipectl.failures.outcomes import Outcome

PARALLEL = 8


class LeaseState(Enum):
    """State of a lease; ``REFUSED`` is that of an item that DynamoDB refuses to change."""

    HELD = "held"
    REFUSED = "refused"
    CLAIMED_ELSEWHERE = "claimed elsewhere"
    DONE_ELSEWHERE = "done elsewhere"


class Leases:
    """Claims failures, keeps their leases from expiring, and settles them. Safe to be used by several threads.

    A run that is killed leaves leases behind; they expire.

    Args:
        table: The audit table.
        clock: Time.
        seconds: Duration of a lease; longer than one invocation.
        owner: Name of the run.
    """

    def __init__(self, table: AuditTable, clock: Clock, seconds: float, owner: str | None = None) -> None:
        self._table = table
        self._clock = clock
        self._seconds = seconds
        self._owner = owner or uuid.uuid4().hex
        self._lock = threading.Lock()
        self._since: dict[tuple[str, str], float] = {}

    def take(self, failures: Sequence[Failure], *, again: bool) -> list[LeaseState]:
        """Claim failures, unless another run has claimed them or has finished them meanwhile."""
        start = self._clock.monotonic()
        with self._lock:  # before the call: an interrupt can come between it and its answer
            self._since |= dict.fromkeys((failure.key for failure in failures), start)
        claimed = self._table.claim(failures, self._owner, self._seconds, again=again)
        return self._states(failures, claimed)

    def renew(self, failures: Iterable[Failure]) -> None:
        """Extend leases of which half has passed; drop those that another run has taken over."""
        now = self._clock.monotonic()
        with self._lock:
            due = [each for each in failures if now - self._since.get(each.key, now) > self._seconds / 2]
            self._since |= dict.fromkeys((failure.key for failure in due), now)
        for failure, renewed in zip(due, self._table.renew(due, self._owner, self._seconds), strict=True):
            if not renewed:
                self._drop(failure)

    def holds(self, failure: Failure) -> bool:
        with self._lock:
            return failure.key in self._since

    def settle(self, outcomes: Sequence[tuple[Failure, Outcome]]) -> list[LeaseState]:
        """Write outcomes. Another run settles what it has taken over."""
        settled = self._table.settle(outcomes, self._owner)
        failures = [failure for failure, _ in outcomes]
        states = self._states(failures, settled)
        for failure in failures:
            self._drop(failure)
        return states

    def release(self, failures: Sequence[Failure]) -> None:
        """Release the failures that are claimed and not settled. A lease that cannot be released expires."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._release, filter(self.holds, failures)))

    def state(self, failure: Failure) -> LeaseState:
        """Return the result of a failure whose lease is lost."""
        found = self._table.current(failure)
        if found is None or found.status not in UNRESOLVED:
            return LeaseState.DONE_ELSEWHERE
        return LeaseState.CLAIMED_ELSEWHERE

    def _states(self, failures: Sequence[Failure], held: Sequence[bool | None]) -> list[LeaseState]:
        states = []
        for failure, is_held in zip(failures, held, strict=True):
            if not is_held:
                self._drop(failure)
            if is_held:
                states.append(LeaseState.HELD)
            else:
                states.append(LeaseState.REFUSED if is_held is None else self.state(failure))
        return states

    def _release(self, failure: Failure) -> None:
        try:
            self._table.release([failure], self._owner)
        except PipectlError:
            return
        self._drop(failure)

    def _drop(self, failure: Failure) -> None:
        with self._lock:
            self._since.pop(failure.key, None)
