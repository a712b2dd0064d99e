"""Claims of one run: the failures that it works on, until they are settled or released."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipectl.clock import Clock
from pipectl.errors import AwsError, PipectlError
from pipectl.failures.audit_table import AuditTable
from pipectl.failures.audit_writer import transactions
from pipectl.failures.model import Failure
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
        self._lost: dict[tuple[str, str], ClaimState] = {}

    def take(self, failures: Sequence[Failure], *, again: bool) -> list[ClaimState]:
        """Claim failures, unless another run has claimed them or has finished them meanwhile."""
        start = self._clock.monotonic()
        with self._lock:  # before the call: an interrupt can come between it and its answer
            self._since |= dict.fromkeys((failure.key for failure in failures), start)
        states = self._table.claim(failures, self._owner, self._seconds, again=again)
        for failure, state in zip(failures, states, strict=True):
            if state is not ClaimState.HELD:
                self._drop(failure)
        return states

    def renew(self, failures: Iterable[Failure]) -> None:
        """Extend claims of which half has passed; drop those that another run has taken over."""
        now = self._clock.monotonic()
        with self._lock:
            due = [each for each in failures if now - self._since.get(each.key, now) > self._seconds / 2]
            self._since |= dict.fromkeys((failure.key for failure in due), now)
        if not due:
            return
        for failure, state in zip(due, self._table.renew(due, self._owner, self._seconds), strict=True):
            if state is not ClaimState.HELD:
                self._drop(failure, state)

    def holds(self, failure: Failure) -> bool:
        with self._lock:
            return failure.key in self._since

    def settle(self, outcomes: Sequence[tuple[Failure, Outcome]]) -> list[ClaimState | AwsError]:
        """Write outcomes; an error is about one failure alone. Another run settles what it has taken over."""
        settled = self._table.settle(outcomes, self._owner)
        for (failure, _), state in zip(outcomes, settled, strict=True):
            if isinstance(state, ClaimState):
                self._drop(failure)
        return settled

    def release(self, failures: Sequence[Failure]) -> None:
        """Release the failures that are claimed and not settled. A claim that cannot be released expires."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._release, transactions(list(filter(self.holds, failures)))))

    def state_of_lost(self, failure: Failure) -> ClaimState:
        """Return the state of a failure whose claim could not be renewed."""
        with self._lock:
            return self._lost.pop(failure.key, ClaimState.DONE_ELSEWHERE)

    def _release(self, failures: Sequence[Failure]) -> None:
        try:
            self._table.release(failures, self._owner)
        except PipectlError:
            return
        for failure in failures:
            self._drop(failure)

    def _drop(self, failure: Failure, state: ClaimState | None = None) -> None:
        with self._lock:
            self._since.pop(failure.key, None)
            if state:
                self._lost[failure.key] = state
