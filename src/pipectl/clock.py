"""Clocks, which are passed in, so that tests do not wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pipectl.errors import CancelledError


class Clock(Protocol):
    """A source of time."""

    def monotonic(self) -> float:
        """Return the seconds since a fixed moment. The value never decreases."""
        ...

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            CancelledError: The user pressed Ctrl-C.
        """
        ...


class SystemClock:
    """The system clock. `cancel` ends every current and later sleep with a `CancelledError`."""

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


def interval(waited: float) -> float:
    """Return the seconds from one poll to the next: 0.25 s growing to 0.5 s in 10 s, and 2 s after 30 s."""
    return 2.0 if waited > 30 else min(0.5, 0.25 + waited / 40)


def rest(between: float, took: float) -> float:
    """Return the pause after a poll, so that the next one starts after the interval ``between``.

    A poll that takes long is followed by half of the interval, so that AWS is not called without a pause.
    """
    return max(between / 2, between - took)


def poll(clock: Clock, bound: float, first: float = 0.25) -> Iterator[float]:
    """Sleep between the polls of a wait; see `interval`.

    With a shorter ``first`` interval, intervals double until they are 0.25 s. Yields the seconds waited so far. The
    first value is 0.0, the last is yielded after ``bound`` seconds.
    """
    start, shortest = clock.monotonic(), first
    while True:
        waited = clock.monotonic() - start
        yield waited
        if waited >= bound:
            return
        between, now = (
            min(shortest, interval(waited)) if shortest < 0.25 else interval(waited),
            clock.monotonic() - start,
        )
        clock.sleep(max(0.001, min(rest(between, now - waited), bound - now)))
        shortest *= 2


@dataclass(frozen=True)
class Wait:
    """A wait that has ended: the awaited state, and the seconds until it was reached."""

    what: str
    seconds: float


Say = Callable[[str], None]
