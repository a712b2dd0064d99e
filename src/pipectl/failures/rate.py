"""A limit of records a second."""

from __future__ import annotations

from threading import Lock

from pipectl.clock import Clock


class Rate:
    """A limit that all threads of a run share: an invocation waits for the time that the records before it may take.

    Args:
        clock: Time.
        per_second: Records a second.
    """

    def __init__(self, clock: Clock, per_second: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._free_at = clock.monotonic()
        self._lock = Lock()

    def wait(self, records: int) -> None:
        """Wait until so many records may be processed.

        Raises:
            CancelledError: the user pressed Ctrl-C.
        """
        with self._lock:
            now = self._clock.monotonic()
            if self._free_at > now:
                self._clock.sleep(self._free_at - now)
            self._free_at = max(self._free_at, now) + records / self._per_second
