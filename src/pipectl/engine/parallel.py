"""Run functions in threads: over keys that are independent, or over a graph."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Generic, TypeVar

from pipectl.errors import CancelledError, PipectlError

T = TypeVar("T")
_CHECK_SECONDS = 0.2

current: ContextVar[str | None] = ContextVar("current", default=None)
"""The key that this thread works on; for progress lines."""


@dataclass
class Results(Generic[T]):
    """Each key's value, its error, or the needs that were not done, so that it was not started.

    ``interrupted`` is set when the user pressed Ctrl-C, even if every key had finished by then.
    """

    done: dict[str, T] = field(default_factory=dict)
    failed: dict[str, PipectlError] = field(default_factory=dict)
    blocked: dict[str, set[str]] = field(default_factory=dict)
    interrupted: bool = False

    def only(self, keys: Collection[str]) -> Results[T]:
        """Return the results of these keys alone."""
        return Results(
            {key: value for key, value in self.done.items() if key in keys},
            {key: error for key, error in self.failed.items() if key in keys},
            {key: needs for key, needs in self.blocked.items() if key in keys},
            self.interrupted,
        )

    def require_done(self, interrupted: str) -> dict[str, T]:
        """Return the values if there is one for each key.

        Args:
            interrupted: The message in case of a Ctrl-C.

        Raises:
            CancelledError: the user pressed Ctrl-C.
            PipectlError: the first error.
        """
        if self.interrupted:
            raise CancelledError(interrupted)
        for error in self.failed.values():
            raise error
        return self.done


def reverse(graph: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """Return the graph with every arrow turned around: each node with the nodes that need it."""
    turned: dict[str, set[str]] = {node: set() for node in graph}
    for node, needs in graph.items():
        for need in needs:
            turned[need].add(node)
    return turned


def parallel_map(
    function: Callable[[str], T],
    keys: Iterable[str],
    *,
    cancel: Callable[[], None] = lambda: None,
    workers: int = 16,
) -> Results[T]:
    """Call ``function`` for every key, in no order; see `walk` for the arguments and for Ctrl-C."""
    return walk(dict.fromkeys(keys, ()), function, cancel=cancel, workers=workers)


def walk(
    graph: Mapping[str, Collection[str]],
    visit: Callable[[str], T],
    *,
    cancel: Callable[[], None] = lambda: None,
    workers: int = 16,
) -> Results[T]:
    """Call ``visit`` for every node of a graph, each as soon as all that it needs is done.

    A node that fails blocks only the nodes that need it. Ctrl-C calls ``cancel``, starts nothing more, and waits until
    the running visits have finished.

    Args:
        graph: Node -> the nodes that it needs.
        visit: Called in a thread; a `PipectlError` that it raises is a result, any other error ends the walk.
        cancel: Asks the running visits to finish early.
        workers: Maximum number of visits at the same time.
    """
    running = _Walk(graph, visit, workers)
    try:
        running.start()
        running.wait()
    except KeyboardInterrupt:
        running.interrupt()
        cancel()
        running.wait()
    return running.results()


class _Walk(Generic[T]):
    """A walk, driven by its own thread. Ctrl-C reaches the main thread only, so it never interrupts a step."""

    def __init__(self, graph: Mapping[str, Collection[str]], visit: Callable[[str], T], workers: int) -> None:
        self._graph = graph
        self._visit = visit
        self._workers = workers
        self._sorter = TopologicalSorter(graph)
        self._sorter.prepare()
        self._results: Results[T] = Results()
        self._ended = threading.Event()
        self._interrupted = threading.Event()
        self._bug: BaseException | None = None

    def start(self) -> None:
        threading.Thread(target=self._drive, daemon=True).start()

    def wait(self) -> None:
        """Wait for the end in short steps: a Ctrl-C just before an endless wait would be noticed only after it."""
        while not self._ended.wait(_CHECK_SECONDS):
            pass

    def interrupt(self) -> None:
        self._interrupted.set()

    def results(self) -> Results[T]:
        if self._bug:
            raise self._bug
        results = self._results
        if self._interrupted.is_set():
            results.interrupted = True
            for node in self._graph.keys() - results.done.keys() - results.failed.keys() - results.blocked.keys():
                results.failed[node] = CancelledError("interrupted before it started", resource=node)
        return results

    def _drive(self) -> None:
        pool = ThreadPoolExecutor(self._workers)
        try:
            running: dict[Future[None], str] = {}
            while self._sorter.is_active() and not self._interrupted.is_set():
                self._start_ready(pool, running)
                if running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        future.result()
                        self._sorter.done(running.pop(future))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._bug = error
        finally:
            pool.shutdown(cancel_futures=True)
            self._ended.set()

    def _start_ready(self, pool: ThreadPoolExecutor, running: dict[Future[None], str]) -> None:
        for node in self._sorter.get_ready():
            if unmet := set(self._graph[node]) - self._results.done.keys():
                self._results.blocked[node] = unmet
                self._sorter.done(node)
            else:
                running[pool.submit(self._work, node)] = node

    def _work(self, node: str) -> None:
        if self._interrupted.is_set():
            return
        current.set(node)
        try:
            self._results.done[node] = self._visit(node)
        except PipectlError as error:
            error.resource = error.resource or node
            self._results.failed[node] = error
