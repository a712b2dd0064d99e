"""The process of a function: its start in time, its exit code, and the text that it prints before it fails to start."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, cast

INIT_SECONDS = 10
"""The time in which a function has to start. When it is over, Lambda starts it again, in the time of an invocation."""
PATIENCE_SECONDS = 1
END_OF_OUTPUT = "\0"
"""The line that the programs print at the end of an invocation."""


class FunctionProcess(subprocess.Popen[str]):
    """A process that is killed unless it starts in time.

    Args:
        command: As for ``Popen``.
        environment: All of its environment variables.
        seconds: The time limit of the function's invocations.
        options: Further arguments of ``Popen``.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], seconds: float, options: Mapping[str, Any]
    ) -> None:
        super().__init__(command, env=environment, **options)
        self.is_late = False
        self.log_stream = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._printed = _Printed(self.stderr)
        self.stderr = cast("IO[str]", self._printed)
        self._timer = threading.Timer(INIT_SECONDS + seconds, self._end_late)
        self._timer.daemon = True
        self._timer.start()

    def _end_late(self) -> None:
        self.is_late = True
        self.kill()

    def has_started(self) -> None:
        """Count the function as started."""
        self._timer.cancel()

    def ended_at_start(self) -> list[str]:
        """Wait for the end of a function that could not be started, and return the lines that it printed."""
        self._timer.cancel()
        self.await_end()
        return self.output()

    def output(self) -> list[str]:
        """Return the lines that were printed until the end of an invocation, or of the process."""
        return self._printed.take()

    def await_end(self) -> None:
        """Wait for the end of a process that is ending; kill one that does not end."""
        try:
            self.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait()


class _Printed:
    """The lines that a process prints. MiniStack's thread reads them and gets none: they are kept here."""

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[str]:
        try:
            for line in self._stream or ():
                self._lines.put(line.rstrip("\n"))
        finally:
            self._lines.put(None)
        yield from ()

    def take(self) -> list[str]:
        """Return the lines up to the next end, for which it waits a while: a program of the function may hang."""
        lines: list[str] = []
        with suppress(queue.Empty):
            while (line := self._lines.get(timeout=PATIENCE_SECONDS)) is not None:
                if not line.endswith(END_OF_OUTPUT):
                    lines.append(line)
                    continue
                if rest := line.rstrip(END_OF_OUTPUT):
                    lines.append(rest)
                break
        return lines

    def read(self, _size: int = -1) -> str:
        """Return no text: the lines are read one by one."""
        return ""

    def close(self) -> None:
        if self._stream:
            self._stream.close()
