"""Progress of long work as lines, for outputs that are not a terminal; `drawn_bar` has the bar of a terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Lock

from pipectl.text import pluralize
from pipectl.timestamps import duration

NOTE_SECONDS = 5.0
"""Seconds between two lines where there is no terminal."""
_LONGEST_LEFT = 99 * 86400
"""Seconds; a longer time left says nothing."""


class SilentBar:
    """A bar that shows nothing."""

    def __enter__(self) -> SilentBar:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        """Count finished items."""


class NotedBar(SilentBar):
    """Progress as lines, for logs and pipes.

    Args:
        total: Number of all items; ``None`` when it is not known.
        noun: One item.
        note: Prints a line.
        monotonic: Returns the seconds since a fixed moment.
    """

    def __init__(
        self, total: int | None, noun: str, note: Callable[[str], None], monotonic: Callable[[], float]
    ) -> None:
        self._total, self._noun, self._note, self._monotonic = total, noun, note, monotonic
        self._done = 0
        self._started = self._noted = monotonic()
        self._lock = Lock()

    def advance(self, count: int = 1) -> None:
        with self._lock:
            self._done += count
            now = self._monotonic()
            if now - self._noted < NOTE_SECONDS:
                return
            self._noted = now
            self._note(progress(self._done, self._total, self._noun, now - self._started))


def progress(done: int, total: int | None, noun: str, seconds: float, *, more: bool = False) -> str:
    """``12 of 30 records, 4.0/s, 5 s left``; without rate and time left until they are known.

    With ``more`` there may be more items than the total: ``12 of at least 30 records``.
    """
    least = "at least " if more else ""
    parts = [f"{done:,} of {least}{pluralize(total, noun)}" if total is not None else pluralize(done, noun)]
    if done and seconds > 0:
        parts.append(f"{done / seconds:,.1f}/s")
    if total is not None and not more:
        parts += _left(done, total, seconds)
    return ", ".join(parts)


def brief_progress(done: int, total: int, seconds: float, *, more: bool = False) -> str:
    """``1,000 of 9,000, 32 s left`` for narrow terminals; with ``more`` ``1,000 of 9,000+``."""
    return ", ".join([f"{done:,} of {total:,}{'+' if more else ''}", *([] if more else _left(done, total, seconds))])


def _left(done: int, total: int, seconds: float) -> list[str]:
    left = (total - done) * seconds / done if done else 0
    return [f"{duration(timedelta(seconds=left))} left"] if 0 < left < _LONGEST_LEFT else []
