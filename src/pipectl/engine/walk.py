"""Visit a graph in parallel: a node starts the moment its own needs are met. There are no level barriers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Generic, TypeVar

from pipectl.errors import CancelledError, PipectlError

T = TypeVar("T")

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
    walked: Walked[T] = Walked()
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    running: dict[Future[T], str] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            while sorter.is_active():
                for node in sorter.get_ready():
                    if unmet := set(graph[node]) - walked.done.keys():
                        walked.blocked[node] = unmet
                        sorter.done(node)
                    else:
                        running[pool.submit(_visit, visit, node)] = node
                if running:
                    sorter.done(*_collect(running, walked))
        except KeyboardInterrupt:
            walked.interrupted = True
            _abandon(running, walked, cancel, graph)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return walked


def _visit(visit: Callable[[str], T], node: str) -> T:
    current.set(node)
    return visit(node)


def _collect(running: dict[Future[T], str], walked: Walked[T]) -> list[str]:
    """Wait for one visit to end. What is noted before it is forgotten survives a Ctrl-C in between."""
    nodes = []
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        node = running[future]
        try:
            walked.done[node] = future.result()
        except PipectlError as error:
            error.resource = error.resource or node
            walked.failed[node] = error
        del running[future]
        nodes.append(node)
    return nodes


def _abandon(
    running: dict[Future[T], str],
    walked: Walked[T],
    cancel: Callable[[], None],
    graph: Mapping[str, Collection[str]],
) -> None:
    cancel()
    for future in [future for future in running if future.cancel()]:
        del running[future]
    while running:
        _collect(running, walked)
    for node in graph.keys() - walked.done.keys() - walked.failed.keys() - walked.blocked.keys():
        walked.failed[node] = CancelledError("interrupted before it began", resource=node)
