"""Claims of one run: the failures that it works on, until they are settled or released."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipectl.clock import Clock
from pipectl.errors import PipectlError
from pipectl.failures.audit_table import AuditTable
from pipectl.failures.model import UNRESOLVED, Failure
from pipectl.failures.outcomes import ClaimState, Outcome

PARALLEL = 8


class Claims:
    """Claim failures, renew the claims before they expire, and settle the failures. Safe to be used by several threads.

    A run that is killed leaves claims behind; they expire.

    Args:
        table: The audit table.
        clock: Time.
        seconds: Duration of a claim; twice as long as an invocation can take.
        owner: Name of the run.
    """

    def __init__(self, table: AuditTable, clock: Clock, seconds: float, owner: str | None = None) -> None:
        self._table = table
        self._clock = clock
        self._seconds = seconds
        self._owner = owner or uuid.uuid4().hex
        self._lock = threading.Lock()
        self._since: dict[tuple[str, str], float] = {}

    def take(self, failures: Sequence[Failure], *, again: bool) -> list[ClaimState]:
        """Claim failures, unless another run has claimed them or has finished them meanwhile."""
        start = self._clock.monotonic()
        with self._lock:  # before the call: an interrupt can come between it and its answer
            self._since |= dict.fromkeys((failure.key for failure in failures), start)
        claimed = self._table.claim(failures, self._owner, self._seconds, again=again)
        return self._states(failures, claimed)

    def renew(self, failures: Iterable[Failure]) -> None:
        """Extend claims of which half has passed; drop those that another run has taken over."""
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

    def settle(self, outcomes: Sequence[tuple[Failure, Outcome]]) -> list[ClaimState]:
        """Write outcomes. Another run settles what it has taken over."""
        settled = self._table.settle(outcomes, self._owner)
        failures = [failure for failure, _ in outcomes]
        states = self._states(failures, settled)
        for failure in failures:
            self._drop(failure)
        return states

    def release(self, failures: Sequence[Failure]) -> None:
        """Release the failures that are claimed and not settled. A claim that cannot be released expires."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._release, filter(self.holds, failures)))

    def state(self, failure: Failure) -> ClaimState:
        """Return the result of a failure whose claim is lost."""
        found = self._table.current(failure)
        if found is None or found.status not in UNRESOLVED:
            return ClaimState.DONE_ELSEWHERE
        return ClaimState.CLAIMED_ELSEWHERE

    def _states(self, failures: Sequence[Failure], held: Sequence[bool | None]) -> list[ClaimState]:
        states = []
        for failure, is_held in zip(failures, held, strict=True):
            if not is_held:
                self._drop(failure)
            if is_held:
                states.append(ClaimState.HELD)
            else:
                states.append(ClaimState.REFUSED if is_held is None else self.state(failure))
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
