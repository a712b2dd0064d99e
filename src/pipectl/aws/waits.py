"""Report what a thread waits for, for as long as it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from pipectl.clock import Clock, Say, Wait
from pipectl.text import pluralize

SAY_SECONDS = 5.0
"""Seconds between two reports of a count."""


@dataclass(frozen=True)
class Portion:
    """The part of long work that is done.

    Attributes:
        done: Number of finished items.
        total: Number of all items, as far as they are known.
        noun: One item.
        verb: The work that was done: ``deleted``.
        more: There may be more items than are known.
        seconds: Duration of the work up to now.
    """

    done: int
    total: int
    noun: str
    verb: str
    more: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        """``1,000 of at least 5,000 object versions deleted``."""
        least = "at least " if self.more else ""
        return f"{self.done:,} of {least}{pluralize(self.total, self.noun)} {self.verb}"


Awaits = Callable[[str | Portion | None], None]
"""Called with what is awaited when a wait begins, and with ``None`` when it ends, in the thread that waits."""


_record: ContextVar[list[Wait] | None] = ContextVar("record", default=None)


@contextmanager
def recorded() -> Iterator[list[Wait]]:
    """Yield a list to which the waits of this thread are added while the block runs.

    A wait within another one is a part of it and is not added.
    """
    waits: list[Wait] = []
    token = _record.set(waits)
    try:
        yield waits
    finally:
        _record.reset(token)


@contextmanager
def shown(awaits: Awaits, clock: Clock, *, parts: bool = True) -> Iterator[Callable[[str | Portion], None]]:
    """Yield a function that reports what is awaited now. The wait ends with the block.

    Args:
        awaits: Shows it.
        clock: The time.
        parts: Record each text as a wait; otherwise the whole block is one wait, with the last text.
    """
    record = _record.get()
    before, start = len(record or ()), clock.monotonic()
    awaited: str | Portion | None = None

    def end() -> None:
        awaits(None)
        if record is not None and awaited is not None:
            record[before:] = [Wait(str(awaited), clock.monotonic() - start)]

    def show(what: str | Portion) -> None:
        nonlocal awaited, before, start
        if awaited is not None:
            end()
            if parts:
                before, start = len(record or ()), clock.monotonic()
        awaits(what)
        awaited = what

    try:
        yield show
    finally:
        if awaited is not None:
            end()


@contextmanager
def counted(awaits: Awaits, say: Say, clock: Clock) -> Iterator[Callable[[Portion], None]]:
    """Yield a function that shows a portion while the block runs, and says it every `SAY_SECONDS`."""
    started = said = clock.monotonic()
    with shown(awaits, clock, parts=False) as show:

        def report(portion: Portion) -> None:
            nonlocal said
            now = clock.monotonic()
            show(replace(portion, seconds=now - started))
            if now - said >= SAY_SECONDS:
                said = now
                say(str(portion))

        yield report
