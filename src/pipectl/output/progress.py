"""Progress of a command on stderr: lines that change on a terminal, else a line for each event.

On a terminal the lines at its bottom show the changes that run, each with its seconds and what it waits for, and one
line counts the others. What has finished is printed above them, permanently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from pipectl.aws.waits import Portion
from pipectl.engine.model import Action, Change
from pipectl.engine.parallel import current
from pipectl.errors import CancelledError, PipectlError
from pipectl.output import looks
from pipectl.output.bar import NotedBar, SilentBar, brief_progress, progress
from pipectl.output.bars import CHARACTERS, share_bar
from pipectl.output.live import TICK_SECONDS, LiveArea, Ticker

if TYPE_CHECKING:
    from pipectl.output.console import Line, Screen

_RUNS = {
    Action.CREATE: "creating",
    Action.UPDATE: "updating",
    Action.REPLACE: "replacing",
    Action.DELETE: "deleting",
    Action.ADOPT: "adopting",
}
_VERB_WIDTH = max(map(len, _RUNS.values()))
_SHOWN_NEEDS = 2
"""Resources that are named for each one that waits for them."""


@dataclass
class _Running:
    """A change that runs.

    Args:
        change: The change.
        start: When it started, on the monotonic clock.
        awaited: What its thread waits for; the last one is a part of those before it.
    """

    change: Change
    start: float
    awaited: list[str | Portion] = field(default_factory=list)


class Progress:
    """Reports the steps and changes of a command.

    Args:
        screen: Prints permanent lines.
        area: The changing lines of the terminal; ``None`` where there is no terminal that can move its cursor.
        quiet: Report nothing.
        monotonic: Returns the seconds since a fixed moment.
        ticking: Draw the seconds again in a thread.
    """

    def __init__(
        self,
        screen: Screen,
        area: LiveArea | None,
        *,
        quiet: bool,
        monotonic: Callable[[], float],
        ticking: bool = True,
    ) -> None:
        self._screen = screen
        self.area = area
        self._quiet = quiet
        self._monotonic = monotonic
        self._ticker = Ticker(self.tick) if ticking else None
        self._lock = threading.RLock()
        self._step: tuple[str, float] | None = None
        self._planned: dict[str, Change] = {}
        self._needs: Mapping[str, Collection[str]] = {}
        self._waiting: dict[str, None] = {}
        self._running: dict[str, _Running] = {}
        self._failed: dict[str, str] = {}
        self._done = 0
        self._drawn = float("-inf")
        self._bars = 0
        self._summarized = False

    @property
    def in_place(self) -> bool:
        """Return whether lines of the terminal change in place."""
        return self.area is not None

    # Steps

    def step(self, text: str) -> None:
        """Show what a command does now in one changing line on a terminal. The next result or question removes it."""
        with self._lock:
            self._step = (text, self._monotonic())
            self._draw()

    @contextmanager
    def work(self, text: str) -> Iterator[None]:
        """Show long work: as a step on a terminal, else a line at the beginning and one at the end with the seconds.

        With JSON there is no line at the beginning.
        """
        start = self._monotonic()
        self.step(text)
        if not self.in_place and not self._screen.json_output:
            self.note(text)
        yield
        if not self.in_place:
            self.note(f"{text}: done in {self._monotonic() - start:.1f} s")

    def end_step(self) -> None:
        with self._lock:
            if self._step is not None:
                self._step = None
                self._draw(now=True)

    def note(self, text: str, *, commands: bool = False) -> None:
        """Print one line; see `Screen.note`."""
        self._screen.note(text, commands=commands)

    def bar(self, total: int | None, noun: str) -> SilentBar:
        """Return the progress of long work, to be used in a ``with`` statement.

        Args:
            total: Number of all items; ``None`` when it is not known.
            noun: One item.
        """
        if self._quiet:
            return SilentBar()
        if self.area is None:
            return NotedBar(total, noun, self.note, self._monotonic)
        self.end_step()
        self._bars += 1
        from pipectl.output.drawn_bar import DrawnBar

        return DrawnBar(total, noun, self._screen.err, self._monotonic, self._bar_ended)

    # Changes

    def summarize(self) -> None:
        """Print no lines about changes from now on: the command prints what they did. Running ones are still shown."""
        self._summarized = True

    @contextmanager
    def changing(self, changes: Sequence[Change], needs: Mapping[str, Collection[str]]) -> Iterator[None]:
        """Show these changes, which start within the block.

        Args:
            changes: The changes, in the order in which they are shown.
            needs: Resource -> the resources whose changes come before its change.
        """
        with self._lock:
            self._step = None
            self._planned = {change.resource: change for change in changes}
            self._needs = needs
            self._done = 0
            self._waiting = dict.fromkeys(self._planned)
            self._draw(now=True)
        try:
            yield
        finally:
            self.close()

    def started(self, change: Change) -> None:
        if change.action is Action.KEEP:
            return
        with self._lock:
            self._waiting.pop(change.resource, None)
            self._running[change.resource] = _Running(change, self._monotonic())
            self._draw()
        if self.area is None and not self._screen.json_output and not self._summarized:
            mark, colour, _ = looks.ACTIONS[change.action]
            self._line((f"{mark} ", colour), f"{change.resource} {_RUNS[change.action]}")

    def finished(self, change: Change, seconds: float) -> None:
        if change.action is Action.KEEP:
            return
        mark, colour, done = looks.ACTIONS[change.action]
        with self._lock:
            self._ended(change)
            self._done += 1
        self._line((f"{mark} ", colour), change.resource, (f" {done}", colour), (f"  {seconds:.1f} s", looks.LESS))

    def failed(self, change: Change, error: PipectlError) -> None:
        """Report a failed change. On a terminal its error is shown until the end, which prints all errors."""
        seconds = self._ended(change)
        first, *_ = error.message.split("\n")
        if isinstance(error, CancelledError):
            self._line(("! ", looks.BAD), change.resource, (" interrupted", looks.BAD), f"  {seconds:.1f} s")
            return
        with self._lock:
            self._failed[change.resource] = first
        shown = "" if self.area else f": {first}"
        self._line(("! ", looks.BAD), change.resource, (" failed", looks.BAD), f" after {seconds:.1f} s{shown}")

    def awaits(self, text: str | Portion | None) -> None:
        """Show what the change of this thread waits for, or the portion that is done; ``None`` ends the last wait."""
        with self._lock:
            running = self._running.get(current.get() or "")
            if running is None:
                return
            if text is not None:
                running.awaited.append(text)
            elif running.awaited:
                running.awaited.pop()
            self._draw()

    def waiting(self, text: str) -> None:
        """Print that this thread waits, unless the changing lines show it."""
        resource = current.get()
        if self.area is not None and resource in self._running:
            return
        self.note(f"  {resource}: {text}" if resource else f"  {text}")

    # The terminal

    def tick(self) -> None:
        """Draw what has changed, such as the seconds."""
        with self._lock:
            if self.area is not None and self.area.is_open:
                self._draw(now=True)

    def close(self) -> None:
        """Remove the changing lines."""
        with self._lock:
            self._step = None
            self._planned, self._needs = {}, {}
            for shown in (self._waiting, self._running, self._failed):
                shown.clear()
            self._draw(now=True)

    def leave_now(self) -> str:
        """Return the codes that show the cursor below the changing lines, to be written without any lock."""
        codes = self.area.leave_now() if self.area else ""
        return codes or ("\x1b[?25h\n" if self._bars else "")

    def lines(self) -> list[Text]:
        """Return the changing lines: failed and running changes, then those that wait; else the step."""
        if not self._planned and not self._running:
            return [self._step_line(*self._step)] if self._step else []
        width = max(map(len, self._planned.keys() | self._running.keys()), default=0)
        failed = [self._text(self._failed_line(key, error, width)) for key, error in self._failed.items()]
        running = [self._text(self._running_line(each, width)) for each in self._running.values()]
        others = [self._text(self._other_line())] if self._planned else []
        return [*failed, *running, *others]

    def _step_line(self, text: str, start: float) -> Text:
        seconds = int(self._monotonic() - start)
        return self._text((f"{text}  {seconds} s" if seconds else text,))

    def _failed_line(self, key: str, error: str, width: int) -> Line:
        return ("  ! ", looks.BAD), f"{key:<{width}} ", (f"{'failed':<{_VERB_WIDTH}}", looks.BAD), f"         {error}"

    def _running_line(self, running: _Running, width: int) -> Line:
        change = running.change
        mark, colour, _ = looks.ACTIONS[change.action]
        seconds = f"{int(self._monotonic() - running.start):>5} s"
        verb = f"{_RUNS[change.action]:<{_VERB_WIDTH}}"
        room = self._screen.err.width - len(f"  {mark} {'':<{width}} {verb}{seconds}  ")
        awaited = f"  {self._awaited(change, running.awaited[-1], room)}" if running.awaited else ""
        return (f"  {mark} ", colour), f"{change.resource:<{width}} ", (verb, colour), f"{seconds}{awaited}"

    def _awaited(self, change: Change, awaited: str | Portion, room: int) -> str:
        """Return what a change waits for; the resource is named at the beginning of the line.

        Words that do not fit into `room` characters are shorter.
        """
        if isinstance(awaited, str):
            return awaited.removeprefix(f"{change.kind} {change.name} ")
        bar = share_bar(awaited.done, awaited.total, ascii_only=not self._screen.can_show(CHARACTERS, on_err=True))
        words = progress(awaited.done, awaited.total, awaited.noun, awaited.seconds, more=awaited.more)
        if len(f"{bar} {words}") > room:
            words = brief_progress(awaited.done, awaited.total, awaited.seconds, more=awaited.more)
        return f"{bar} {words}"

    def _other_line(self) -> Line:
        """``9 of 18 done, 7 wait: processor (processor-role), auditor (auditor-role)``."""
        counted = f"  {self._done} of {len(self._planned)} done"
        if not self._waiting:
            return (counted,)
        waiting = ", ".join(map(self._with_needs, self._waiting))
        return (f"{counted}, {len(self._waiting)} wait: {waiting}",)

    def _with_needs(self, key: str) -> str:
        unmet = [each for each in self._needs.get(key, ()) if each in self._waiting or each in self._running]
        named = [*unmet[:_SHOWN_NEEDS], "..."] if len(unmet) > _SHOWN_NEEDS else unmet
        return f"{key} ({', '.join(named)})" if named else key

    def _ended(self, change: Change) -> float:
        """Remove a change from those that run, and return its seconds. It is drawn with the line about its end."""
        with self._lock:
            running = self._running.pop(change.resource, None)
            return self._monotonic() - running.start if running else 0.0

    def _bar_ended(self) -> None:
        self._bars -= 1

    def _line(self, *parts: str | tuple[str, str]) -> None:
        if not self._quiet and not self._summarized:
            with self._lock:
                if self.area is not None:
                    self.area.prepare(self.lines())
            self._screen.notice([parts])

    def _text(self, parts: Line) -> Text:
        return self._screen.text(parts)

    def _draw(self, *, now: bool = False) -> None:
        """Draw the changing lines; without ``now`` at most every `TICK_SECONDS`: the next tick draws the others."""
        area = self.area
        if area is None or self._bars:
            return
        if not now and area.is_open and self._monotonic() - self._drawn < TICK_SECONDS:
            return
        self._drawn = self._monotonic()
        area.show(self.lines())
        if self._ticker is not None:
            self._ticker.start() if area.is_open else self._ticker.stop()
