"""Report what a thread waits for, for as long as it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipectl.clock import Clock, Say

SAY_SECONDS = 5.0
"""Seconds between two reports of a count."""

Awaits = Callable[[str | None], None]
"""Called with what is awaited when a wait begins, and with ``None`` when it ends, in the thread that waits."""


@contextmanager
def shown(awaits: Awaits) -> Iterator[Callable[[str], None]]:
    """Yield a function that reports what is awaited now. The wait ends with the block."""
    begun = False

    def show(what: str) -> None:
        nonlocal begun
        if begun:
            awaits(None)
        awaits(what)
        begun = True

    try:
        yield show
    finally:
        if begun:
            awaits(None)


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
    with shown(awaits) as show:

        def add(count: int) -> None:
            nonlocal done, said
            done += count
            show(words(done))
            if clock.monotonic() - said >= SAY_SECONDS:
                said = clock.monotonic()
                say(words(done))

        yield add
