"""Lines of a function's log, in every form that the runtimes and the shipped handlers write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.aws.log_entries import parse_entry

REQUEST = "2191827e-e5b5-4391-8e14-433056c9ea7b"
TIME = "2026-01-01T00:00:00.000Z"
KEYS = '{"orderId": {"S": "o-1"}}'
FAILED = {
    "level": "ERROR",
    "message": "record failed",
    "keys": {"orderId": {"S": "o-1"}},
    "eventId": "e",
    "sequenceNumber": "111",
    "reason": 'InvalidOrderError: amount must be a number, got S "EUR"',
    "requestId": REQUEST,
}
STACK = ["BatchError: record failed", "    at respond (file:///var/task/handler.mjs:3:1)"]
ERRORS = {
    "failed record": (json.dumps(FAILED), FAILED["reason"]),
    "message not audited": (
        json.dumps({"level": "ERROR", "message": "message not audited", "messageId": "m", "reason": "E: x"}),
        "message not audited: E: x, messageId=m",
    ),
    "exception in Python": ("[ERROR] ValueError: x\nTraceback (most recent call last):\n  File", "ValueError: x"),
    "exception in Python, with carriage returns": ("[ERROR] ValueError: x\rTraceback", "ValueError: x"),
    "import error in Python": ("[ERROR] Runtime.ImportModuleError: No x", "Runtime.ImportModuleError: No x"),
    "exception in Node.js": (
        f"{TIME}\t{REQUEST}\tERROR\tInvoke Error \t"
        + json.dumps({"errorType": "BatchError", "errorMessage": "record failed", "stack": STACK}),
        "BatchError: record failed",
    ),
    "import error in Node.js": (
        f"{TIME}\tundefined\tERROR\tUncaught Exception \t"
        + json.dumps({"errorType": "Runtime.ImportModuleError", "errorMessage": "Cannot find module", "stack": []}),
        "Runtime.ImportModuleError: Cannot find module",
    ),
    "console.error": (f"{TIME}\t{REQUEST}\tERROR\tno price", "no price"),
    "logger in Python": (f"[ERROR]\t{TIME}\t{REQUEST}\tno price", "no price"),
    "timeout": (f"{TIME} {REQUEST} Task timed out after 3.00 seconds\n\n", "Task timed out after 3.00 seconds"),
    "out of memory": (
        f"RequestId: {REQUEST} Error: Runtime exited with error: signal: killed\nRuntime.ExitError",
        "Error: Runtime exited with error: signal: killed",
    ),
    "report of a timeout": (
        f"REPORT RequestId: {REQUEST}\tDuration: 3000.00 ms\tStatus: timeout",
        "REPORT Duration: 3000.00 ms Status: timeout",
    ),
    "report of a crash": (
        f"REPORT RequestId: {REQUEST}\tDuration: 3.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory",
        "REPORT Duration: 3.00 ms Status: error Error Type: Runtime.OutOfMemory",
    ),
    "init error": (
        "INIT_REPORT Init Duration: 9.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError",
        "INIT_REPORT Init Duration: 9.00 ms Phase: init Status: error Error Type: Runtime.ExitError",
    ),
    "exception in JSON": (
        json.dumps(
            {
                "level": "ERROR",
                "requestId": REQUEST,
                "message": {"errorType": "E", "errorMessage": "x", "stackTrace": STACK},
            }
        ),
        "E: x",
    ),
    "report in JSON": (
        json.dumps({"time": TIME, "type": "platform.report", "record": {"requestId": REQUEST, "status": "timeout"}}),
        "report Status: timeout",
    ),
    "frame printed alone": (
        '  File "/var/task/a.py", line 3, in handler',
        '  File "/var/task/a.py", line 3, in handler',
    ),
    "exception printed alone": ("handler.BatchError: x", "handler.BatchError: x"),
}
OTHERS = {
    "print": ("calling the price service", "calling the price service"),
    "print that begins as a line of Lambda": ("END of the batch", "END of the batch"),
    "logger in Python": (f"[INFO]\t{TIME}\t{REQUEST}\thello", "hello"),
    "console.log with braces": (f"{TIME}\t{REQUEST}\tINFO\ttotal {{x}}", "total {x}"),
    "JSON of a user": ('{"message": "slow call", "ms": 300, "of": {"a": 1}}', 'slow call, ms=300, of={"a": 1}'),
    "JSON without a message": ('{"a": 1}', '{"a": 1}'),
    "JSON that is no object": ("[1, 2]", "[1, 2]"),
    "the word error in a text": ("no errors found", "no errors found"),
}
ROUTINE = {
    "start": f"START RequestId: {REQUEST} Version: 1",
    "end": f"END RequestId: {REQUEST}\n",
    "report": f"REPORT RequestId: {REQUEST}\tDuration: 3.00 ms\tMax Memory Used: 60 MB",
    "init start": "INIT_START Runtime Version: python:3.14.v1\tRuntime Version ARN: arn",
    "report in JSON": json.dumps({"type": "platform.report", "record": {"requestId": REQUEST, "status": "success"}}),
    "blank": " \n",
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_one_readable_line(name: str) -> None:
    message, text = ERRORS[name]
    entry = parse_entry(message)
    assert (entry.text, entry.is_error, entry.is_routine) == (text, True, False)


@pytest.mark.parametrize("name", OTHERS)
def test_any_other_line_keeps_its_text(name: str) -> None:
    message, text = OTHERS[name]
    entry = parse_entry(message)
    assert (entry.text, entry.is_error, entry.is_routine) == (text, False, False)


@pytest.mark.parametrize("name", ROUTINE)
def test_lines_of_lambda_about_an_invocation_are_routine(name: str) -> None:
    entry = parse_entry(ROUTINE[name])
    assert (entry.is_routine, entry.is_error, entry.ends) == (True, False, name.startswith("report"))


@pytest.mark.parametrize(
    "name",
    [
        "failed record",
        "exception in Node.js",
        "console.error",
        "logger in Python",
        "timeout",
        "out of memory",
        "report of a timeout",
        "exception in JSON",
        "report in JSON",
    ],
)
def test_the_invocation_of_a_line(name: str) -> None:
    assert parse_entry(ERRORS[name][0]).request_id == REQUEST


def test_an_undefined_invocation_is_none() -> None:
    assert parse_entry(ERRORS["import error in Node.js"][0]).request_id is None


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("exception in Python", ("Traceback (most recent call last):", "  File")),
        ("exception in Node.js", tuple(STACK[1:])),
        ("exception in JSON", tuple(STACK)),
        ("out of memory", ("Runtime.ExitError",)),
    ],
)
def test_a_traceback_follows_as_details(name: str, details: tuple[str, ...]) -> None:
    assert parse_entry(ERRORS[name][0]).details == details


ORDER_LINES = {
    "keys": json.dumps(FAILED),
    "exception in Python": f"[ERROR] BatchError: record with keys {KEYS} and sequence number 1 failed: E: x\nTraceback",
    "exception in Node.js": f"{TIME}\t{REQUEST}\tERROR\tInvoke Error \t"
    + json.dumps({"errorType": "BatchError", "errorMessage": f"record with keys {KEYS} failed", "stack": []}),
    "JSON of a user": '{"message": "slow call", "orderId": "o-1"}',
}


@pytest.mark.parametrize("name", ORDER_LINES)
def test_the_order_that_a_line_names(name: str) -> None:
    assert parse_entry(ORDER_LINES[name]).orders("orderId") == ("o-1",)
    assert parse_entry(ORDER_LINES[name]).orders("id") == ()


@pytest.mark.parametrize("key", ['k "q" \u00fc', "a\\b", "o-1\n", "{", "🙂"])
def test_the_order_of_a_key_with_any_character(key: str) -> None:
    typed = {"orderId": {"S": key}}
    assert parse_entry(json.dumps({**FAILED, "keys": typed})).orders("orderId") == (key,)
    text = f"[ERROR] BatchError: record with keys {json.dumps(typed)} failed"
    assert parse_entry(text).orders("orderId") == (key,)


@pytest.mark.parametrize(
    "keys", [None, "nested too deep", [], {"orderId": None}, {"orderId": {"M": {}}}, {"orderId": {}}]
)
def test_malformed_keys_name_no_order(keys: Any) -> None:
    assert parse_entry(json.dumps({**FAILED, "keys": keys})).orders("orderId") == ()


@given(
    st.text()
    | st.sampled_from(sorted({*ROUTINE.values(), *(line for line, _ in ERRORS.values())})).flatmap(
        lambda line: st.integers(0, len(line)).map(lambda at: line[at:] + line[:at])
    )
)
def test_every_text_is_a_line(text: str) -> None:
    entry = parse_entry(text)
    entry.orders("orderId")
    assert "\n" not in entry.text


@pytest.mark.parametrize("text", ["{" * 100_000, '{"a":' * 50_000, '{"message": 1e999, "reason": []}', '{"level": 7}'])
def test_hostile_json_is_a_line(text: str) -> None:
    assert parse_entry(text).text
