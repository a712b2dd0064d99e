"""Visit a graph in parallel: a node starts the moment its own needs are met. There are no level barriers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Generic, TypeVar

from pipectl.errors import CancelledError, PipectlError

T = TypeVar("T")
_LOOK_UP_EVERY = 0.2

current: ContextVar[str | None] = ContextVar("current", default=None)
"""The node that this thread works on; for progress lines."""


@dataclass
class Walked(Generic[T]):
    """How a walk ended: a value, an error, or the needs that kept a node from being visited."""

    done: dict[str, T] = field(default_factory=dict)
    failed: dict[str, PipectlError] = field(default_factory=dict)
    blocked: dict[str, set[str]] = field(default_factory=dict)
    interrupted: bool = False
    """The user pressed Ctrl-C, even if everything had begun by then and came to its end."""


def reverse(graph: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The same graph with every arrow turned: what a thing needs becomes what needs it."""
    turned: dict[str, set[str]] = {node: set() for node in graph}
    for node, needs in graph.items():
        for need in needs:
            turned[need].add(node)
    return turned


def walk(
    graph: Mapping[str, Collection[str]],
    visit: Callable[[str], T],
    *,
    cancel: Callable[[], None] = lambda: None,
    workers: int = 16,
) -> Walked[T]:
    """Call ``visit`` for every node, each as soon as all that it needs is done.

    A node that fails blocks only what needs it. Ctrl-C calls ``cancel``, starts nothing more, and lets what is under
    way come to its end.

    Args:
        graph: Node -> the nodes that it needs.
        visit: Called in a thread; a `PipectlError` that it raises is kept, any other ends the walk.
        cancel: Tells what is under way to hurry.
        workers: The most visits at once.
    """
    under_way = _Walk(graph, visit, workers)
    try:
        under_way.start()
        under_way.wait()
    except KeyboardInterrupt:
        under_way.interrupt()
        cancel()
        under_way.wait()
    return under_way.outcome()


class _Walk(Generic[T]):
    """One walk, driven by a thread of its own: a Ctrl-C hits the main thread alone, never in the middle of a step."""

    def __init__(self, graph: Mapping[str, Collection[str]], visit: Callable[[str], T], workers: int) -> None:
        self.ended = threading.Event()
        self._graph = graph
        self._visit = visit
        self._workers = workers
        self._sorter = TopologicalSorter(graph)
        self._sorter.prepare()
        self._walked: Walked[T] = Walked()
        self._interrupted = threading.Event()
        self._bug: BaseException | None = None

    def start(self) -> None:
        threading.Thread(target=self._drive, daemon=True).start()

    def wait(self) -> None:
        """Until it has ended. A Ctrl-C that comes just before a wait without end would be noticed only after it."""
        while not self.ended.wait(_LOOK_UP_EVERY):
            pass

    def interrupt(self) -> None:
        self._interrupted.set()

    def outcome(self) -> Walked[T]:
        if self._bug:
            raise self._bug
        if self._interrupted.is_set():
            walked = self._walked
            walked.interrupted = True
            for node in self._graph.keys() - walked.done.keys() - walked.failed.keys() - walked.blocked.keys():
                walked.failed[node] = CancelledError("interrupted before it began", resource=node)
        return self._walked

    def _drive(self) -> None:
        pool = ThreadPoolExecutor(self._workers)
        try:
            running: dict[Future[None], str] = {}
            while self._sorter.is_active() and not self._interrupted.is_set():
                self._begin_what_is_ready(pool, running)
                if running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        future.result()
                        self._sorter.done(running.pop(future))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            self._bug = error
        finally:
            pool.shutdown(cancel_futures=True)
            self.ended.set()

    def _begin_what_is_ready(self, pool: ThreadPoolExecutor, running: dict[Future[None], str]) -> None:
        for node in self._sorter.get_ready():
            if unmet := set(self._graph[node]) - self._walked.done.keys():
                self._walked.blocked[node] = unmet
                self._sorter.done(node)
            else:
                running[pool.submit(self._work, node)] = node

    def _work(self, node: str) -> None:
        if self._interrupted.is_set():
            return
        current.set(node)
        try:
            self._walked.done[node] = self._visit(node)
        except PipectlError as error:
            error.resource = error.resource or node
            self._walked.failed[node] = error
