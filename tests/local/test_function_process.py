"""The process of a function is killed unless it starts in time; the text that it prints first is kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pipectl.local.function_process import INIT_SECONDS, FunctionProcess

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
ENVIRONMENT = {"AWS_LAMBDA_LOG_STREAM_NAME": "stream"}
LONG_AGO = 0.05 - INIT_SECONDS
"""A time limit with which a function is late after 50 ms."""


Start = Callable[..., FunctionProcess]


@pytest.fixture
def process() -> Iterator[Start]:
    """Start a process; the test's end closes it."""
    with ExitStack() as started:

        def start(source: str, seconds: float = 60) -> FunctionProcess:
            return started.enter_context(
                FunctionProcess([sys.executable, "-S", "-c", source], ENVIRONMENT, seconds, PIPES)
            )

        yield start


def read(started: FunctionProcess) -> list[str]:
    """Read until the process has ended, as MiniStack does, which gets no lines."""
    assert started.stderr
    return list(started.stderr)


def test_a_process_that_does_not_start_in_time_is_killed(process: Start) -> None:
    late = process("import time; time.sleep(60)", LONG_AGO)
    assert read(late) == []
    assert late.ended_at_start() == []
    assert late.is_late


def test_a_process_that_has_started_is_not_killed(process: Start) -> None:
    started = process("input()", LONG_AGO + 0.2)
    started.has_started()
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.5)
    assert not started.is_late
    started.kill()


def test_the_text_before_a_failed_start_is_kept(process: Start) -> None:
    failed = process("import sys; print('one\\ntwo', file=sys.stderr); sys.exit(3)")
    assert read(failed) == []
    assert failed.ended_at_start() == ["one", "two"]
    assert (failed.returncode, failed.is_late) == (3, False)


def test_a_process_that_failed_to_start_and_does_not_end_is_killed(process: Start) -> None:
    failed = process("input()")
    assert failed.ended_at_start() == []
    assert failed.returncode != 0


def test_the_text_of_each_invocation_ends_at_its_mark(process: Start) -> None:
    printed = process("import sys; print('one\\ntwo\\0\\nthree\\n\\0\\nfour', file=sys.stderr)")
    read(printed)
    assert [printed.output() for _ in range(3)] == [["one", "two"], ["three"], ["four"]]
