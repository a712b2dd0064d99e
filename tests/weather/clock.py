"""Time in which any number of threads can wait at once, and that passes only while all of them do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LOOK_EVERY = 0.0005
_NOTHING = 0.00003
"""Seconds of computing, of all threads but the one that looks, that are none."""
_TASKS = Path("/proc/self/task")


class VirtualClock:
    """A `Clock` of its own. Ten threads that each sleep a minute are done after one minute of it, and at once.

    It goes forward to the next moment that somebody waits for, and only when no thread has anything left to do before
    it: none computes, none would if the machine let it, and none waits for an answer. A thread at work is never
    overtaken, so a wait takes the polls that it would take on AWS.

    Args:
        started: The time of day at which it begins.
        stuck: Real seconds after which it goes forward although a thread is at work: that one may be waiting for
            something that a sleeper holds.
    """

    def __init__(self, started: datetime = datetime(2026, 1, 1, tzinfo=UTC), stuck: float = 30) -> None:
        self._started = started
        self._stuck = stuck
        self._seconds = 0.0
        self._wakes: dict[int, float] = {}
        self._working = 0
        self._turn = threading.Condition()

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._started + timedelta(seconds=self._seconds)

    @contextmanager
    def working(self) -> Iterator[None]:
        """While a thread waits for something else than time, say an answer."""
        with self._turn:
            self._working += 1
        try:
            yield
        finally:
            with self._turn:
                self._working -= 1

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        me = threading.get_ident()
        with self._turn:
            wake = self._wakes[me] = self._seconds + seconds
            try:
                self._wait_for(me, wake)
            finally:
                del self._wakes[me]
                self._turn.notify_all()

    def _wait_for(self, me: int, wake: float) -> None:
        waited = 0.0
        while self._seconds < wake:
            if min(self._wakes, key=lambda thread: (self._wakes[thread], thread)) != me:
                self._turn.wait()  # whoever is next looks whether it is time
            elif self._all_is_still() or waited >= self._stuck:
                self._seconds = wake
            else:
                waited += _LOOK_EVERY

    def _all_is_still(self) -> bool:
        before = _computed_by_others()
        self._turn.wait(_LOOK_EVERY)
        idle = not self._working and _computed_by_others() - before < _NOTHING
        return idle and not _anybody_else_runs()


def _computed_by_others() -> float:
    return time.process_time() - time.thread_time()


def _anybody_else_runs() -> bool:
    """Whether another thread runs, or would if the machine had time for it; on Linux alone this can be known."""
    me = str(threading.get_native_id())
    return any(_runs(task) for task in _TASKS.glob("*") if task.name != me)


def _runs(task: Path) -> bool:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False  # it has just ended
