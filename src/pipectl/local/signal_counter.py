"""Wake threads that wait, without missing a change between two waits."""

from __future__ import annotations

import threading


class SignalCounter:
    """A counter that many threads wait for. Read ``count`` before looking for work, then wait with that number."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count = 0

    def set(self) -> None:
        """Count up and wake every thread that waits."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait(self, seen: int, seconds: float | None = None) -> bool:
        """Wait until the counter is no longer ``seen``; return false when the time is up before."""
        with self._condition:
            return self._condition.wait_for(lambda: self.count != seen, seconds)
