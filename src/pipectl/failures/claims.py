"""What a run has claimed, kept until it is settled or given back."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

from pipectl.clock import Clock
from pipectl.errors import PipectlError
from pipectl.failures.model import UNRESOLVED, Failure
from pipectl.failures.trail import Outcome, Trail

PARALLEL = 8
_Key = tuple[str, str]


class Whose(Enum):
    """Who has, or had, a failure."""

    OURS = "ours"
    CLAIMED_ELSEWHERE = "claimed elsewhere"
    DONE_ELSEWHERE = "done elsewhere"


class Claims:
    """The claims of one run. Safe to be used by several threads.

    Args:
        trail: Writes them.
        clock: Time.
        seconds: How long a claim holds.
    """

    def __init__(self, trail: Trail, clock: Clock, seconds: float) -> None:
        self._trail = trail
        self._clock = clock
        self._half = seconds / 2
        self._lock = threading.Lock()
        self._taken: dict[_Key, float] = {}

    def take(self, failure: Failure, *, again: bool) -> Whose:
        """Claim a failure, unless somebody else has it or has done it meanwhile."""
        start = self._clock.monotonic()
        with self._lock:
            self._taken[_key(failure)] = start  # before the call: an interrupt can come between it and its answer
        if self._trail.claim(failure, again=again):
            return Whose.OURS
        self._forget(failure)
        return self.whose(failure)

    def keep(self, failures: Iterable[Failure]) -> None:
        """Renew what is half run out; forget what somebody else has taken over."""
        now = self._clock.monotonic()
        for failure in failures:
            key = _key(failure)
            with self._lock:
                if now - self._taken.get(key, now) <= self._half:
                    continue
                self._taken[key] = now
            if not self._trail.renew(failure):
                self._forget(failure)

    def holds(self, failure: Failure) -> bool:
        with self._lock:
            return _key(failure) in self._taken

    def settle(self, failure: Failure, outcome: Outcome) -> Whose:
        """Write what came of it. What somebody else has taken over is theirs to settle."""
        settled = self._trail.settle(failure, outcome)
        self._forget(failure)
        return Whose.OURS if settled else self.whose(failure)

    def release(self, failures: Sequence[Failure]) -> None:
        """Give back what is claimed and not settled. What cannot be given back runs out by itself."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(self._release, filter(self.holds, failures)))

    def _release(self, failure: Failure) -> None:
        try:
            self._trail.release(failure)
        except PipectlError:
            return
        self._forget(failure)

    def _forget(self, failure: Failure) -> None:
        with self._lock:
            self._taken.pop(_key(failure), None)

    def whose(self, failure: Failure) -> Whose:
        """What became of a failure that is not ours any more."""
        found = self._trail.look(failure)
        if found is None or found.status not in UNRESOLVED:
            return Whose.DONE_ELSEWHERE
        return Whose.CLAIMED_ELSEWHERE


def _key(failure: Failure) -> _Key:
    return failure.audit_id, failure.timestamp
