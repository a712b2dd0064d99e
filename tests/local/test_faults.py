"""Errors of functions are logged and answered as Lambda does."""

from __future__ import annotations

import json
import signal

import pytest

from pipectl.aws.log_entries import parse_entry
from pipectl.local.faults import Fault, answer_of, at_start, event_of, exit_of, of_answer, timeout

REQUEST = "2191827e-e5b5-4391-8e14-433056c9ea7b"
MEMBERS = {"type": "KeyError", "message": "'a'", "stack": ["one", "two"]}


def test_the_members_of_a_worker_are_taken() -> None:
    fault = Fault("KeyError", "'a'", ("one", "two"))
    assert of_answer({"status": "error", "fault": MEMBERS}, None) == fault
    found = at_start(f"Worker init failed: {json.dumps(MEMBERS)}", 0)
    assert found == Fault("KeyError", "'a'", ("one", "two"), at_start=True)


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "KeyError"}'])
def test_an_answer_of_another_shape_is_an_exit(text: str) -> None:
    assert at_start(f"Worker init failed: {text}", 0).kind == "Runtime.ExitError"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (3, "Runtime exited with error: exit status 3"),
        (0, "Runtime exited without providing a reason"),
        (None, "Runtime exited with error: exit status 1"),
        (-signal.SIGKILL, "Runtime exited with error: signal: killed"),
        (-signal.SIGSEGV, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_the_end_of_a_process_names_its_exit_code_or_signal(code: int | None, message: str) -> None:
    fault = exit_of(code)
    assert at_start("Worker process exited immediately. stderr: ", code) == fault
    assert of_answer({"error": "Worker process died"}, code) == fault
    assert fault.message == message
    entry = parse_entry(event_of(fault, "python3.14", REQUEST))
    assert (entry.text, entry.request_id, entry.is_error) == (f"Error: {message}", REQUEST, True)
    assert answer_of(fault, "python3.14", REQUEST) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {REQUEST} Error: {message}",
    }


def test_a_timeout_names_the_invocation() -> None:
    fault = timeout(3)
    assert of_answer({"error": "Task timed out after 3.00 seconds"}, None) == fault
    entry = parse_entry(event_of(fault, "python3.14", REQUEST))
    assert (entry.text, entry.request_id, entry.is_error) == ("Task timed out after 3.00 seconds", REQUEST, True)
    assert answer_of(fault, "nodejs24.x", REQUEST)["errorType"] == "Sandbox.Timedout"


def test_an_exception_in_python_is_one_event_with_its_frames() -> None:
    frames = ('  File "/var/task/handler.py", line 3, in handler\n    raise BatchError(\n',)
    fault = Fault("BatchError", "two\nlines", frames)
    assert event_of(fault, "python3.14", REQUEST).split("\n") == [
        "[ERROR] BatchError: two",
        "lines",
        "Traceback (most recent call last):",
        '\u00a0\u00a0File "/var/task/handler.py", line 3, in handler',
        "\u00a0\u00a0\u00a0\u00a0raise BatchError(",
    ]
    assert answer_of(fault, "python3.14", REQUEST) == {
        "errorType": "BatchError",
        "errorMessage": "two\nlines",
        "requestId": REQUEST,
        "stackTrace": list(frames),
    }


@pytest.mark.parametrize("started", [True, False])
def test_an_exception_in_nodejs_is_one_event_of_the_console(started: bool) -> None:
    stack = ("BatchError: two: parts", "lines", "    at respond (/var/task/handler.mjs:3:1)")
    fault = Fault("BatchError", "two: parts\nlines", stack, at_start=not started)
    entry = parse_entry(event_of(fault, "nodejs24.x", REQUEST))
    assert (entry.text, entry.is_error) == ("BatchError: two: parts", True)
    assert entry.request_id == (REQUEST if started else None)
    assert entry.details[-1] == "    at respond (/var/task/handler.mjs:3:1)"
    assert answer_of(fault, "nodejs24.x", REQUEST)["trace"] == list(stack)
