"""Functions that cannot be started are reported as Lambda reports them."""

from __future__ import annotations

import pytest

from pipectl.aws.log_entries import parse_entry
from pipectl.local.function_logs import error_event, init_error


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("No module named 'absent'", "ImportModuleError", "Unable to import module 'index': No module named 'absent'"),
        ("Cannot find module 'absent'", "ImportModuleError", "Unable to import module 'index': Cannot find module"),
        ("invalid syntax (index.py, line 3)", "UserCodeSyntaxError", "Syntax error in module 'index': invalid syntax"),
        ("module 'index' has no attribute 'run'", "HandlerNotFound", "Handler 'run' missing on module 'index'"),
        ("Handler run is not a function in index", "HandlerNotFound", "Handler 'run' missing on module 'index'"),
        ("foo is not a function", "ImportModuleError", "Unable to import module 'index': foo is not a function"),
    ],
)
def test_error_at_the_start(text: str, kind: str, message: str) -> None:
    found, reason = init_error("index.run", f"Worker init failed: {text}")
    assert found == f"Runtime.{kind}"
    assert reason.startswith(message)


def test_a_process_that_ends_at_once() -> None:
    found, _ = init_error("index.run", "Worker process exited immediately. stderr: ")
    assert found == "Runtime.ExitError"


REQUEST = "2191827e-e5b5-4391-8e14-433056c9ea7b"
PYTHON = """Traceback (most recent call last):
  File "/tmp/x/code/handler.py", line 1, in inner
    int("a")
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/tmp/x/_worker.py", line 128, in run
    result = handler_fn(event, context)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/tmp/x/code/handler.py", line 3, in handler
    raise BatchError(
handler.BatchError: two
lines
"""
NODEJS = """BatchError: two: parts
lines
    at respond (/tmp/x/code/handler.mjs:3:1)"""


def test_an_exception_in_python_is_one_event_with_the_frames_of_the_function() -> None:
    assert error_event("python3.14", REQUEST, "two", PYTHON).split("\n") == [
        "[ERROR] BatchError: two",
        "lines",
        "Traceback (most recent call last):",
        '\u00a0\u00a0File "/var/task/handler.py", line 3, in handler',
        "\u00a0\u00a0\u00a0\u00a0raise BatchError(",
    ]


def test_an_exception_in_nodejs_is_one_event_of_the_console() -> None:
    entry = parse_entry(error_event("nodejs24.x", REQUEST, "two", NODEJS))
    assert (entry.text, entry.request_id, entry.is_error) == ("BatchError: two: parts", REQUEST, True)
    assert entry.details[-1] == "    at respond (/tmp/x/code/handler.mjs:3:1)"


def test_a_timeout_and_a_crash_name_the_invocation() -> None:
    for error, text in (
        ("Task timed out after 3.00 seconds", "Task timed out after 3.00 seconds"),
        ("Worker process died", "Error: Runtime exited with error: exit status 1"),
    ):
        entry = parse_entry(error_event("python3.14", REQUEST, error, ""))
        assert (entry.text, entry.request_id, entry.is_error) == (text, REQUEST, True)
