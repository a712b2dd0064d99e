"""The process that a function runs in: it goes on after an exception, and makes room when it has died."""

from __future__ import annotations

import json
from typing import Any

import pytest
from small_pipeline import Pipeline

from pipectl.local.lifecycle import LocalAws

pytestmark = pytest.mark.embedded

COUNTING = """
import os, time

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event.get("do") == "raise":
        raise ValueError(f"call {calls} of {os.getpid()}")
    if event.get("do") == "die":
        os._exit(1)
    if event.get("do") == "sleep":
        time.sleep(60)
    return {"calls": calls, "process": os.getpid()}
"""


def _invoke(pipeline: Pipeline, do: str = "") -> Any:
    payload = json.dumps({"do": do}).encode()
    return json.loads(pipeline.client("lambda").invoke(FunctionName="processor", Payload=payload)["Payload"].read())


@pytest.fixture
def pipeline(embedded: LocalAws) -> Pipeline:
    return Pipeline(embedded, handler=COUNTING)


def test_it_goes_on_after_an_exception(pipeline: Pipeline) -> None:
    process = _invoke(pipeline)["process"]
    assert _invoke(pipeline, "raise")["errorMessage"] == f"call 2 of {process}"
    assert _invoke(pipeline, "raise")["errorMessage"] == f"call 3 of {process}"
    assert _invoke(pipeline) == {"calls": 4, "process": process}


@pytest.mark.parametrize("end", ["die", "sleep"])
def test_after_its_end_another_takes_its_place(pipeline: Pipeline, end: str) -> None:
    pipeline.client("lambda").update_function_configuration(FunctionName="processor", Timeout=1)
    process = _invoke(pipeline)["process"]
    assert "errorMessage" in _invoke(pipeline, end)
    after = _invoke(pipeline)
    assert after["calls"] == 1
    assert after["process"] != process
