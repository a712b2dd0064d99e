"""A function that does not start in time, on the local emulator: it takes the 10 s of a start, and its time limit."""

from __future__ import annotations

import json

import pytest

from pipectl.aws.log_entries import parse_entry
from pipectl.local.home import LocalEmulator
from tests.local.small_pipeline import Pipeline, allow_logs, lines

pytestmark = pytest.mark.emulator

SLOW = """
import time
print("connecting", flush=True)
time.sleep(60)
"""


def test_a_start_that_takes_too_long_is_logged_and_answered_as_on_lambda(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler=SLOW, mapping={"Enabled": False})
    allow_logs(pipeline)
    functions = pipeline.client("lambda")
    functions.update_function_configuration(FunctionName="processor", Timeout=1)
    answer = functions.invoke(FunctionName="processor")
    payload = json.loads(answer["Payload"].read())
    assert (answer["FunctionError"], payload["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert payload["errorMessage"].endswith("Task timed out after 1.00 seconds")
    logged = lines(pipeline)
    assert "connecting" in logged
    assert [line for line in logged if line.startswith("INIT_REPORT") and line.endswith("Status: timeout")]
    assert [entry.text for line in logged if (entry := parse_entry(line)).is_error and not entry.is_routine][-1:] == [
        "Task timed out after 1.00 seconds"
    ]
