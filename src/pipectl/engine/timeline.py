"""The times of a run: when each change started and ended, what it needed last, and what it waited for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from pipectl.clock import Wait
from pipectl.engine.model import Change, Facts
from pipectl.engine.parallel import Results
from pipectl.errors import CancelledError

Waits: TypeAlias = Callable[[], AbstractContextManager[Sequence[Wait]]]
"""Records the waits of the thread while a block runs."""


class Outcome(StrEnum):
    """The end of one change."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Span:
    """The time of one change; start, end and ready are seconds since the start of the run.

    Args:
        change: The change.
        start: The start.
        end: The end.
        ready: The moment from which changes that need it could start; ``None`` if that is the end.
        after: The resource that it needed last, whose change started it; ``None`` if it needed none that changed.
        waits: Each state of AWS that it waited for, in order.
        outcome: The end of the change.
    """

    change: Change
    start: float
    end: float
    ready: float | None = None
    after: str | None = None
    waits: tuple[Wait, ...] = ()
    outcome: Outcome = Outcome.DONE

    @property
    def resource(self) -> str:
        return self.change.resource


@dataclass(frozen=True)
class Timeline:
    """The times of all changes of a run.

    Args:
        spans: The changes that were started, in the order of their start.
        not_started: The other changes, each with the needs that were not done; with none after an interruption.
    """

    spans: tuple[Span, ...] = ()
    not_started: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The time of the whole run."""
        return max((span.end for span in self.spans), default=0.0)

    def critical_path(self) -> tuple[Span, ...]:
        """Return the chain of changes that decided the time of the run: the one that ended last, and those before."""
        by_key = {span.resource: span for span in self.spans}
        last = max(self.spans, key=lambda span: span.end, default=None)
        return tuple(reversed(list(_back(last, by_key))))


def _back(span: Span | None, by_key: Mapping[str, Span]) -> Iterator[Span]:
    while span is not None:
        yield span
        span = by_key.get(span.after or "")


class Recorder:
    """Records the times of a run, which starts now.

    Args:
        now: Returns the seconds since a fixed moment.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._begun = now()
        self._spans: dict[str, Span] = {}
        self._ready: dict[str, float] = {}

    @contextmanager
    def recorded(self, change: Change, waits: Waits) -> Iterator[None]:
        """Record a change, which the block makes, and its waits."""
        key, start, outcome = change.resource, self._seconds(), Outcome.FAILED
        with waits() as found:
            try:
                yield
                outcome = Outcome.DONE
            except CancelledError:
                outcome = Outcome.INTERRUPTED
                raise
            finally:
                ready, end = self._ready.get(key), self._seconds()
                self._spans[key] = Span(change, start, end, ready, None, _summed(found), outcome)

    def ready(self, change: Change) -> None:
        """Record that the changes that need this one can start now."""
        self._ready[change.resource] = self._seconds()

    def timeline(
        self, graph: Mapping[str, Collection[str]], whole: Mapping[str, Collection[str]], results: Results[Facts]
    ) -> Timeline:
        """Return the times of all changes that did something.

        Args:
            graph: Resource -> the resources that it needs.
            whole: Resource -> those of them that must be complete.
            results: The results of the run.
        """
        spans = [replace(span, after=self._needed_last(key, graph, whole)) for key, span in self._spans.items()]
        not_started = {key: set[str]() for key in results.failed.keys() - self._spans.keys()} | results.blocked
        return Timeline(
            tuple(sorted(spans, key=lambda span: (span.start, span.resource))),
            {key: tuple(sorted(needs)) for key, needs in sorted(not_started.items())},
        )

    def _needed_last(
        self, key: str, graph: Mapping[str, Collection[str]], whole: Mapping[str, Collection[str]]
    ) -> str | None:
        """Return the changed resource that was ready last of those that a resource needs, directly or not."""
        moments: dict[str, float] = {}
        for need in graph.get(key, ()):
            changed = need if need in self._spans else self._needed_last(need, graph, whole)
            if changed is not None:
                span = self._spans[changed]
                moments[changed] = span.end if span.ready is None or need in whole.get(key, ()) else span.ready
        return max(moments, key=lambda each: moments[each], default=None)

    def _seconds(self) -> float:
        return self._now() - self._begun


def _summed(waits: Collection[Wait]) -> tuple[Wait, ...]:
    """Return the waits with those for the same state added up."""
    seconds: dict[str, float] = {}
    for wait in waits:
        seconds[wait.what] = seconds.get(wait.what, 0.0) + wait.seconds
    return tuple(Wait(what, total) for what, total in seconds.items())
