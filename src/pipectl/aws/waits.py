"""Report what a thread waits for, for as long as it waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
