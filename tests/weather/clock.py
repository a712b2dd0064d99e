"""Time in which any number of threads can wait at once, and that passes only while all of them do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

_LOOK_EVERY = 0.001
_IDLE: dict[tuple[str, str], Callable[[Mapping[str, Any]], bool]] = {
    ("threading.py", "wait"): lambda its: "waiter" not in its or its["waiter"].locked(),
    ("threading.py", "_wait_for_tstate_lock"): lambda its: its["lock"].locked(),
    ("thread.py", "_worker"): lambda its: its["work_queue"].empty(),
}
"""Where a thread that has nothing to do is, file and function, and what its local names say of it: one that was told to
go on a moment ago is still there, but what it waited for is not."""


class VirtualClock:
    """A `Clock` of its own. Ten threads that each sleep a minute are done after one minute of it, and at once.

    It goes forward to the next moment that somebody waits for, and only when no thread has anything left to do before
    it. A thread that computes is never overtaken, so a wait takes the polls that it would take on AWS.

    Args:
        started: The time of day at which it begins.
        stuck: Real seconds after which it goes forward although a thread seems to work: that one may be waiting for a
            lock that a sleeper holds.
    """

    def __init__(self, started: datetime = datetime(2026, 1, 1, tzinfo=UTC), stuck: float = 30) -> None:
        self._started = started
        self._stuck = stuck
        self._seconds = 0.0
        self._wakes: dict[int, float] = {}
        self._turn = threading.Condition()
        self._others = sys._current_frames().keys() - {threading.get_ident()}

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._started + timedelta(seconds=self._seconds)

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        me = threading.get_ident()
        with self._turn:
            wake = self._seconds + seconds
            self._wakes[me] = wake
            waited = 0.0
            while self._seconds < wake:
                if self._all_wait() or waited >= self._stuck:
                    self._seconds = min(self._wakes.values())
                    self._turn.notify_all()
                    waited = 0.0
                else:
                    self._turn.wait(_LOOK_EVERY)
                    waited += _LOOK_EVERY
            del self._wakes[me]

    def _all_wait(self) -> bool:
        frames, me = sys._current_frames(), threading.get_ident()
        awake = [frame for thread, frame in frames.items() if thread != me and thread not in self._others]
        return min(self._wakes.values()) > self._seconds and all(map(_waits, awake))


def _waits(frame: FrameType) -> bool:
    idle = _IDLE.get(_place(frame))
    return idle is not None and idle(frame.f_locals) and not _starts_another(frame)


def _starts_another(frame: FrameType | None) -> bool:
    """A thread that waits for one to begin is about to give it work."""
    while frame and frame.f_code.co_filename == threading.__file__:
        if frame.f_code.co_name == "start":
            return True
        frame = frame.f_back
    return False


def _place(frame: FrameType) -> tuple[str, str]:
    return frame.f_code.co_filename.rpartition("/")[2], frame.f_code.co_name
