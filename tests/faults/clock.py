"""A virtual clock for many threads: it advances only while all of them wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LOOK_EVERY = 0.0005
_NOTHING = 0.00003
"""Limit in seconds: threads that computed less than this are idle."""
_TASKS = Path("/proc/self/task")


class VirtualClock:
    """A `Clock` without real waiting. Ten threads that each sleep a minute finish together after one virtual minute.

    The clock advances to the next wake-up time only when no thread has work left: none computes, none is ready to run,
    and none waits for an answer. A working thread is never overtaken, so a wait takes as many polls as on AWS.

    Args:
        started: The initial time.
        stuck: Real seconds after which the clock advances although a thread works: that thread may wait for a lock
            that a sleeping thread holds.
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
        """Mark a thread as waiting for something other than time, such as an answer."""
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
                self._turn.wait()  # the thread with the next wake-up time advances the clock
            elif self._all_threads_are_idle() or waited >= self._stuck:
                self._seconds = wake
            else:
                waited += _LOOK_EVERY

    def _all_threads_are_idle(self) -> bool:
        before = _computed_by_others()
        self._turn.wait(_LOOK_EVERY)
        idle = not self._working and _computed_by_others() - before < _NOTHING
        return idle and not _another_thread_runs()


def _computed_by_others() -> float:
    return time.process_time() - time.thread_time()


def _another_thread_runs() -> bool:
    """Return whether another thread runs or is ready to run. Only Linux reports it."""
    me = str(threading.get_native_id())
    return any(_runs(task) for task in _TASKS.glob("*") if task.name != me)


def _runs(task: Path) -> bool:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False  # the thread has just ended
