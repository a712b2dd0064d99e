"""Run functions in threads: over keys that are independent, or over a graph."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from functools import partial
from graphlib import TopologicalSorter
from queue import SimpleQueue
from types import MappingProxyType
from typing import Generic, TypeAlias, TypeVar

from pipectl.errors import CancelledError, PipectlError

T = TypeVar("T")
V = TypeVar("V")
Release: TypeAlias = Callable[[T], None]
"""Lets the nodes that need a node start before its visit ends, with the value of the node."""
_CHECK_SECONDS = 0.2
_AT_ONCE = 8

current: ContextVar[str | None] = ContextVar("current", default=None)
"""The key that this thread works on; for progress lines."""


@dataclass
class Results(Generic[T]):
    """Each key's value, its error, or the needs that were not done, so that it was not started; in the keys' order.

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


class Start:
    """Starts functions within one visit; see `at_once`."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, function: Callable[[], T]) -> Callable[[], T]:
        """Start a function. Return a function that waits for it, and returns its value or raises its error."""
        return self._pool.submit(copy_context().run, function).result


@contextmanager
def at_once() -> Iterator[Start]:
    """Call functions at the same time; at the end of the block all have finished."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield Start(pool)


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
    return walk_releasing(graph, lambda node, _: visit(node), cancel=cancel, workers=workers)


def walk_releasing(
    graph: Mapping[str, Collection[str]],
    visit: Callable[[str, Release[T]], T],
    *,
    whole: Mapping[str, Collection[str]] = MappingProxyType({}),
    cancel: Callable[[], None] = lambda: None,
    workers: int = 16,
) -> Results[T]:
    """Walk a graph as `walk` does; a visit can release the nodes that need its node before it ends.

    Args:
        graph: Node -> the nodes that it needs.
        visit: Called with the node and a function that releases the nodes that need it.
        whole: Node -> those of its needs whose visits must have ended.
        cancel: See `walk`.
        workers: See `walk`.
    """
    running = _Walk(graph, whole, visit, workers)
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

    def __init__(
        self,
        graph: Mapping[str, Collection[str]],
        whole: Mapping[str, Collection[str]],
        visit: Callable[[str, Release[T]], T],
        workers: int,
    ) -> None:
        TopologicalSorter(graph).prepare()  # raises if there is a cycle
        self._graph = graph
        self._whole = whole
        self._visit = visit
        self._workers = workers
        self._needed_by = reverse(graph)
        self._unmet = {node: set(needs) for node, needs in graph.items()}
        self._events: SimpleQueue[tuple[str, bool]] = SimpleQueue()
        """Nodes that were released (false) and nodes whose visit ended (true)."""
        self._visits = 0
        self._bug: BaseException | None = None
        self._results: Results[T] = Results()
        self._ended = threading.Event()
        self._interrupted = threading.Event()

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
        return replace(
            results,
            done=self._in_order(results.done),
            failed=self._in_order(results.failed),
            blocked=self._in_order(results.blocked),
        )

    def _in_order(self, found: Mapping[str, V]) -> dict[str, V]:
        """Return what was found in the order of the graph, so that the same errors make the same message."""
        return {node: found[node] for node in self._graph if node in found}

    def _drive(self) -> None:
        pool = ThreadPoolExecutor(self._workers)
        try:
            self._begin([node for node, unmet in self._unmet.items() if not unmet], pool)
            while self._visits and not self._bug:
                node, ended = self._events.get()
                self._visits -= ended
                if self._interrupted.is_set():
                    break
                self._begin(self._met_by(node, ended=ended), pool)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._bug = error
        finally:
            pool.shutdown(cancel_futures=True)
            self._ended.set()

    def _met_by(self, need: str, *, ended: bool) -> list[str]:
        """Remove a need from the nodes that have it; return the nodes that have no other."""
        met = []
        for node in self._needed_by[need]:
            unmet = self._unmet[node]
            if need in unmet and (ended or need not in self._whole.get(node, ())):
                unmet.discard(need)
                if not unmet:
                    met.append(node)
        return met

    def _begin(self, nodes: Iterable[str], pool: ThreadPoolExecutor) -> None:
        """Start nodes; those with a need that was not done are blocked, and so are the nodes that need these."""
        waiting = list(nodes)
        while waiting:
            node = waiting.pop(0)
            if not_done := set(self._graph[node]) - self._results.done.keys():
                self._results.blocked[node] = not_done
                waiting += self._met_by(node, ended=True)
            else:
                self._visits += 1
                pool.submit(self._work, node)

    def _work(self, node: str) -> None:
        try:
            if self._interrupted.is_set():
                return
            current.set(node)
            self._results.done[node] = self._visit(node, partial(self._release, node))
        except PipectlError as error:
            error.resource = error.resource or node
            self._results.done.pop(node, None)
            self._results.failed[node] = error
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._bug = error
        finally:
            self._events.put((node, True))

    def _release(self, node: str, value: T) -> None:
        self._results.done[node] = value
        self._events.put((node, False))
