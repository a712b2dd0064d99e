"""The end of the process: exit codes, Ctrl-C and SIGTERM, and outputs that cannot be written."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn, TextIO

from pipectl.errors import CancelledError


def leave(code: int) -> NoReturn:
    """Exit with ``code``, or with 1 where the result could not be written."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
            _discard(stream)
    sys.exit(code)


@contextmanager
def second_interrupt_leaves(last_words: Callable[[], str]) -> Iterator[Callable[[], bool]]:
    """Within the block, end the process at the second Ctrl-C or SIGTERM, whatever is in progress.

    Yields a function that returns whether the first one came: a library can turn its KeyboardInterrupt into an error of
    its own.

    The first one raises KeyboardInterrupt, so that calls in progress finish and the terminal shows its cursor again.
    Threads that wait for AWS would hold up the interpreter.

    Args:
        last_words: Returns the text for stderr at the second one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    count = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise KeyboardInterrupt
        # Neither flush nor print: another thread can hold the lock of the stream.
        with suppress(OSError):
            os.write(2, last_words().encode(errors="backslashreplace"))
        os._exit(CancelledError.exit_code)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: count > 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _discard(stream: TextIO) -> None:
    """Discard the rest of a stream, so that the interpreter reports no error when it flushes it at exit."""
    with suppress(OSError, ValueError, io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
