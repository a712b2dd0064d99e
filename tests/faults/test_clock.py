"""The virtual clock of the fault injection."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.faults.clock import VirtualClock


def test_threads_wait_in_parallel_and_wake_in_order() -> None:
    clock, ended = VirtualClock(), list[tuple[str, float]]()
    all_started = threading.Barrier(3)

    def run(name: str, step: float, steps: int) -> None:
        all_started.wait()  # a thread that does not exist yet keeps no clock from advancing
        for _ in range(steps):
            clock.sleep(step)
        ended.append((name, clock.monotonic()))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, ["hour", "minutes", "seconds"], [3600, 60, 0.5], [1, 30, 100]))
    assert ended == [("seconds", 50), ("minutes", 1800), ("hour", 3600)]


def test_a_working_thread_is_not_overtaken() -> None:
    clock, seen = VirtualClock(), list[float]()
    started, worked = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        total = sum(number * number for number in range(300_000))
        seen.append(clock.monotonic() if total else -1)
        worked.set()
        clock.sleep(1)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    clock.sleep(100)
    thread.join()
    assert worked.is_set()
    assert seen == [0]


def test_a_lock_held_by_a_sleeping_thread_does_not_stop_the_clock() -> None:
    clock, lock = VirtualClock(stuck=0.2), threading.Lock()

    def run() -> None:
        with lock:
            clock.sleep(5)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(run), pool.submit(run)]:
            future.result()
    assert clock.monotonic() == 10
