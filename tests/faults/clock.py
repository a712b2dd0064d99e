"""A virtual clock for many threads: it advances only while all of them wait."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_LOOK_EVERY = 0.0005
_LOOKS = 2
"""Looks in a row that find all threads idle. At one look, a thread that waits for the interpreter seems idle too."""
_NOTHING = 0.00003
"""Limit in seconds: threads that computed less than this are idle."""
_TASKS = "/proc/self/task"


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
        self._lock = threading.Lock()
        self._sleepers: list[_Sleeper] = []
        self._numbers = itertools.count()
        self._working = 0

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._started + timedelta(seconds=self._seconds)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Mark a thread as waiting for something other than time, such as an answer."""
        with self._lock:
            self._working += 1
        try:
            yield
        finally:
            with self._lock:
                self._working -= 1

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._lock:
            me = _Sleeper(self._seconds + seconds, next(self._numbers), threading.Condition(self._lock))
            heapq.heappush(self._sleepers, me)
            try:
                self._wait_for(me)
            finally:
                self._sleepers.remove(me)
                heapq.heapify(self._sleepers)
                if self._sleepers:
                    self._sleepers[0].turn.notify()

    def _wait_for(self, me: _Sleeper) -> None:
        waited, idle = 0.0, 0
        while self._seconds < me.wake:
            if self._sleepers[0] is not me:
                idle = 0
                me.turn.wait()  # the thread with the next wake-up time advances the clock
            elif idle >= _LOOKS or waited >= self._stuck:
                self._seconds = me.wake
            else:
                idle = idle + 1 if self._all_threads_are_idle(me.turn) else 0
                waited += _LOOK_EVERY

    def _all_threads_are_idle(self, turn: threading.Condition) -> bool:
        before = _computed_by_others()
        turn.wait(_LOOK_EVERY)
        idle = not self._working and _computed_by_others() - before < _NOTHING
        return idle and not _another_thread_runs()


class _Sleeper(NamedTuple):
    """A thread that sleeps, in the order in which the threads wake up."""

    wake: float
    number: int
    turn: threading.Condition


def _computed_by_others() -> float:
    return time.process_time() - time.thread_time()


def _another_thread_runs() -> bool:
    """Return whether another thread runs, is ready to run, or waits for a disk. Only Linux reports it."""
    me = str(threading.get_native_id())
    try:
        with os.scandir(_TASKS) as tasks:
            return any(_runs(task.path) for task in tasks if task.name != me)
    except FileNotFoundError:
        return False


def _runs(task: str) -> bool:
    try:
        with open(f"{task}/stat", "rb") as stat:  # noqa: PTH123 - asked so often that a Path takes too long
            return stat.read().rpartition(b")")[2][1:2] in (b"R", b"D")
    except OSError:
        return False  # the thread has just ended
