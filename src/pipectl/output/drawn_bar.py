"""Progress of long work as a bar on a terminal, with rate and time left.

It is imported when a bar is drawn: rich's module of bars takes as long to import as all else of rich.
"""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn
from rich.text import Text

from pipectl.output.bar import SilentBar, progress

_BAR_CHARACTERS = 24


class DrawnBar(SilentBar):
    """A bar on a terminal, redrawn in place and removed at the end.

    Args:
        total: Number of all items; ``None`` when it is not known.
        noun: One item.
        console: The terminal.
        monotonic: Returns the seconds since a fixed moment.
        ended: Called when the bar is removed.
    """

    def __init__(
        self,
        total: int | None,
        noun: str,
        console: Console,
        monotonic: Callable[[], float],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._progress = Progress(
            BarColumn(_BAR_CHARACTERS), _Words(noun), console=console, transient=True, get_time=monotonic
        )
        self._task = self._progress.add_task("", total=total)
        self._ended = ended

    def __enter__(self) -> DrawnBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self._ended()

    def advance(self, count: int = 1) -> None:
        self._progress.advance(self._task, count)


class _Words(TextColumn):
    """``12 of 30 records, 4.0 records/s, 5 s left``."""

    def __init__(self, noun: str) -> None:
        super().__init__("")
        self._noun = noun

    def render(self, task: Task) -> Text:
        total = None if task.total is None else int(task.total)
        return Text(progress(int(task.completed), total, self._noun, task.elapsed or 0.0))
