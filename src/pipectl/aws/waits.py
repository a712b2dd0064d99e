"""Report what a thread waits for, for as long as it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pipectl.clock import Clock, Say, Wait

SAY_SECONDS = 5.0
"""Seconds between two reports of a count."""

Awaits = Callable[[str | None], None]
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
def shown(awaits: Awaits, clock: Clock, *, parts: bool = True) -> Iterator[Callable[[str], None]]:
    """Yield a function that reports what is awaited now. The wait ends with the block.

    Args:
        awaits: Shows it.
        clock: The time.
        parts: Record each text as a wait; otherwise the whole block is one wait, with the last text.
    """
    record = _record.get()
    before, start = len(record or ()), clock.monotonic()
    awaited: str | None = None

    def end() -> None:
        awaits(None)
        if record is not None and awaited is not None:
            record[before:] = [Wait(awaited, clock.monotonic() - start)]

    def show(what: str) -> None:
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
def counted(awaits: Awaits, say: Say, clock: Clock, words: Callable[[int], str]) -> Iterator[Callable[[int], None]]:
    """Yield a function that adds to a count, which is shown while the block runs, and said every `SAY_SECONDS`.

    Args:
        awaits: Shows it.
        say: Says it.
        clock: The time.
        words: The count in words.
    """
    done, said = 0, clock.monotonic()
    with shown(awaits, clock, parts=False) as show:

        def add(count: int) -> None:
            nonlocal done, said
            done += count
            show(words(done))
            if clock.monotonic() - said >= SAY_SECONDS:
                said = clock.monotonic()
                say(words(done))

        yield add
