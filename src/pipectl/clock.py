"""Time as something that is passed in, so that tests run ten minutes of waiting in none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

from pipectl.errors import CancelledError


class Clock(Protocol):
    """What pipectl needs of time."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def now(self) -> datetime:
        """The time of day, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass.

        Raises:
            CancelledError: the user pressed Ctrl-C.
        """
        ...


class SystemClock:
    """The real clock. `cancel` ends every sleep, now and later, with a `CancelledError`."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise CancelledError("interrupted")

    def cancel(self) -> None:
        self._cancelled.set()


def pauses(clock: Clock, bound: float) -> Iterator[float]:
    """Sleep between the polls of one wait: 0.25 s growing to 0.5 s for the first 30 s, 2 s after that.

    Yields the seconds waited so far, first 0.0 without sleeping, and last when ``bound`` seconds have passed.
    """
    start = clock.monotonic()
    pause = 0.25
    while True:
        waited = clock.monotonic() - start
        yield waited
        if waited >= bound:
            return
        clock.sleep(max(0.001, min(2.0 if waited > 30 else pause, bound - waited)))
        pause = min(0.5, pause * 1.2)


Say = Callable[[str], None]
