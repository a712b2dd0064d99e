"""Parallel runs, proven with events: a visit that waits for another can only finish if that other one runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Collection

import pytest

from pipectl.engine.parallel import current, parallel_map, reverse, walk
from pipectl.errors import CancelledError, PipectlError
from tests.support import PATIENCE


def wait_for(event: threading.Event) -> None:
    assert event.wait(PATIENCE)


def test_every_node_is_visited_after_its_needs() -> None:
    graph = {"mapping": ["table", "function"], "function": ["role"], "table": [], "role": [], "alarm": ["function"]}
    order: list[str] = []
    walked = walk(graph, order.append)
    assert sorted(order) == sorted(graph)
    assert all(order.index(need) < order.index(node) for node, needs in graph.items() for need in needs)
    assert walked.done.keys() == graph.keys()
    assert not walked.failed
    assert not walked.blocked


def test_an_empty_graph_has_no_results() -> None:
    assert walk({}, lambda node: node).done == {}


def test_results_hold_the_values_of_the_visits() -> None:
    assert walk({"a": [], "b": ["a"]}, str.upper).done == {"a": "A", "b": "B"}


def test_a_node_starts_as_soon_as_its_own_needs_are_done() -> None:
    """``slow`` is a level below ``late`` and finishes only after ``late`` has started: with levels it never would."""
    late_started = threading.Event()

    def visit(node: str) -> None:
        if node == "slow":
            wait_for(late_started)
        if node == "late":
            late_started.set()

    walked = walk({"slow": [], "quick": [], "middle": ["quick"], "late": ["middle"]}, visit)
    assert walked.done.keys() == {"slow", "quick", "middle", "late"}


def test_all_ready_nodes_run_at_the_same_time() -> None:
    together = threading.Barrier(12, timeout=PATIENCE)
    walked = walk({f"node-{n}": [] for n in range(12)}, lambda _: together.wait())
    assert len(walked.done) == 12


def test_no_more_visits_run_at_the_same_time_than_workers() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def visit(_: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    walk({f"node-{n}": [] for n in range(20)}, visit, workers=3)
    assert 1 <= most <= 3


def test_each_visit_knows_its_node() -> None:
    walked = walk({"a": [], "b": ["a"]}, lambda _: current.get())
    assert walked.done == {"a": "a", "b": "b"}
    assert current.get() is None


def test_a_failure_blocks_only_the_nodes_that_need_it() -> None:
    graph = {"bad": [], "child": ["bad"], "grandchild": ["child"], "good": [], "other": ["good"]}

    def visit(node: str) -> str:
        if node == "bad":
            raise PipectlError("no")
        return node

    walked = walk(graph, visit)
    assert walked.done.keys() == {"good", "other"}
    assert walked.failed.keys() == {"bad"}
    assert walked.blocked == {"child": {"bad"}, "grandchild": {"child"}}
    assert not walked.interrupted


def test_an_error_gets_the_node_as_its_resource_unless_it_has_one() -> None:
    own = PipectlError("about another", resource="elsewhere")

    def visit(node: str) -> None:
        raise own if node == "b" else PipectlError("no")

    walked = walk({"a": [], "b": []}, visit)
    assert (walked.failed["a"].resource, walked.failed["b"].resource) == ("a", "elsewhere")


def test_an_unexpected_error_ends_the_walk_and_nothing_more_starts() -> None:
    started: list[str] = []

    def visit(node: str) -> None:
        started.append(node)
        if node != "node-0":
            threading.Event().wait(0.02)  # all of them would take 20 seconds: time enough to notice the first
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        walk({f"node-{n}": [] for n in range(1000)}, visit, workers=1)
    assert len(started) < 1000


class Interrupted:
    """Presses Ctrl-C while ``node`` is visited; that visit finishes once the walk has noticed."""

    def __init__(self, node: str, then: Callable[[], None] = lambda: None) -> None:
        self.node = node
        self.then = then
        self.noticed = threading.Event()
        self.started: list[str] = []

    def visit(self, node: str) -> str:
        self.started.append(node)
        if node == self.node:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            wait_for(self.noticed)
            self.then()
        return node


def test_after_ctrl_c_running_visits_finish_and_nothing_more_starts() -> None:
    pressed = Interrupted("busy")
    walked = walk({"busy": [], "next": ["busy"], "last": ["next"]}, pressed.visit, cancel=pressed.noticed.set)
    assert walked.interrupted
    assert walked.done == {"busy": "busy"}
    assert pressed.started == ["busy"]
    assert {node: type(error) for node, error in walked.failed.items()} == {
        "next": CancelledError,
        "last": CancelledError,
    }
    assert walked.failed["next"].resource == "next"


def test_after_ctrl_c_nodes_that_wait_for_a_worker_are_cancelled() -> None:
    pressed = Interrupted("first")
    graph: dict[str, Collection[str]] = {"first": [], "second": [], "third": []}
    walked = walk(graph, pressed.visit, cancel=pressed.noticed.set, workers=1)
    assert pressed.started == ["first"]
    assert walked.failed.keys() == {"second", "third"}


def test_a_visit_that_fails_after_ctrl_c_keeps_its_own_error() -> None:
    def fail() -> None:
        raise PipectlError("access denied")

    pressed = Interrupted("busy", then=fail)
    walked = walk({"busy": [], "next": ["busy"]}, pressed.visit, cancel=pressed.noticed.set)
    assert walked.failed["busy"].message == "access denied"
    assert isinstance(walked.failed["next"], CancelledError)


def test_ctrl_c_is_recorded_even_if_every_visit_finished() -> None:
    pressed = Interrupted("only")
    walked = walk({"only": []}, pressed.visit, cancel=pressed.noticed.set)
    assert walked.done == {"only": "only"}
    assert not walked.failed
    assert walked.interrupted


def test_a_failure_before_ctrl_c_still_blocks() -> None:
    def visit(node: str) -> str:
        if node == "bad":
            raise PipectlError("no")
        return pressed.visit(node)

    pressed = Interrupted("busy")
    graph = {"bad": [], "blocked": ["bad"], "busy": ["other"], "other": [], "next": ["busy"]}
    walked = walk(graph, visit, cancel=pressed.noticed.set, workers=1)
    assert walked.interrupted
    assert {"bad", "next"} <= walked.failed.keys()
    assert "blocked" in walked.blocked.keys() | walked.failed.keys()
    assert "blocked" not in walked.done


def test_parallel_map_runs_all_keys_at_the_same_time() -> None:
    together = threading.Barrier(12, timeout=PATIENCE)
    assert parallel_map(lambda _: bool(together.wait() + 1), map(str, range(12))).done == dict.fromkeys(
        map(str, range(12)), True
    )


def test_require_done_returns_the_values() -> None:
    assert parallel_map(str.upper, "ab").require_done("interrupted") == {"a": "A", "b": "B"}


def test_require_done_raises_the_first_error() -> None:
    def fail(key: str) -> None:
        raise PipectlError(f"no {key}")

    with pytest.raises(PipectlError) as caught:
        parallel_map(fail, "a").require_done("interrupted")
    assert caught.value.resource == "a"


def test_results_have_the_order_of_the_keys_whatever_ends_first() -> None:
    last_ended = threading.Event()

    def visit(node: str) -> None:
        if node in ("d", "e"):
            wait_for(last_ended)
        try:
            if node in ("b", "d"):
                raise PipectlError(node)
        finally:
            if node == "b":
                last_ended.set()

    results = parallel_map(visit, "edcba")
    assert list(results.done) == ["e", "c", "a"]
    assert list(results.failed) == ["d", "b"]
    with pytest.raises(PipectlError) as caught:
        results.require_done("interrupted")
    assert caught.value.resource == "d"


def test_require_done_raises_cancelled_after_ctrl_c_although_all_is_done() -> None:
    pressed = Interrupted("only")
    results = parallel_map(pressed.visit, ["only"], cancel=pressed.noticed.set)
    with pytest.raises(CancelledError):
        results.require_done("interrupted")


def test_only_keeps_the_results_of_the_given_keys() -> None:
    def visit(node: str) -> str:
        if node.startswith("bad"):
            raise PipectlError("no")
        return node

    results = walk({"a": [], "b": [], "bad": [], "bad-too": [], "c": ["bad"], "d": ["bad"]}, visit)
    only = results.only({"a", "bad", "c"})
    assert [list(part) for part in (only.done, only.failed, only.blocked)] == [["a"], ["bad"], ["c"]]


def test_reverse_turns_every_arrow_around() -> None:
    graph = {"mapping": ["table", "function"], "function": ["role"], "table": [], "role": []}
    assert reverse(graph) == {
        "mapping": set(),
        "function": {"mapping"},
        "table": {"mapping"},
        "role": {"function"},
    }


def test_reversing_twice_returns_the_same_graph() -> None:
    graph = {"a": {"b", "c"}, "b": {"c"}, "c": set[str]()}
    assert reverse(reverse(graph)) == graph


def test_a_cycle_is_an_error_before_anything_starts() -> None:
    started: list[str] = []
    with pytest.raises(ValueError, match="cycle"):
        walk({"a": ["b"], "b": ["a"]}, started.append)
    assert started == []
