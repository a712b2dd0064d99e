"""The process of a function: used again after an exception, replaced after its end."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipectl.aws.log_entries import parse_entry
from pipectl.local.home import LocalEmulator
from tests.local.small_pipeline import Pipeline, allow_logs, eventually, lines

pytestmark = pytest.mark.emulator

COUNTING = {
    "python3.12": """
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
    if event.get("do") == "meet":
        open(f"{event['folder']}/{os.getpid()}", "w").close()
        while len(os.listdir(event["folder"])) < 2:
            time.sleep(0.01)
    return {"calls": calls, "process": os.getpid()}
""",
    "nodejs24.x": """
let calls = 0;

export async function handler(event) {
  calls += 1;
  if (event.do === "raise") throw new Error(`call ${calls} of ${process.pid}`);
  if (event.do === "die") process.exit(1);
  if (event.do === "sleep") await new Promise((wake) => setTimeout(wake, 60_000));
  return { calls, process: process.pid };
}
""",
}

REFUSING = {
    "python3.12": """
def handler(event, context):
    if any("poison" in record["dynamodb"]["NewImage"] for record in event["Records"]):
        raise ValueError("poison")
""",
    "nodejs24.x": """
export async function handler(event) {
  if (event.Records.some((record) => record.dynamodb.NewImage.poison)) throw new Error("poison");
}
""",
}


def _invoke(pipeline: Pipeline, do: str = "", folder: str = "") -> Any:
    payload = json.dumps({"do": do, "folder": folder}).encode()
    return json.loads(pipeline.client("lambda").invoke(FunctionName="processor", Payload=payload)["Payload"].read())


def _waiting(pipeline: Pipeline) -> int:
    """Return the number of messages in the queue."""
    name = "ApproximateNumberOfMessages"
    sqs = pipeline.client("sqs")
    return int(sqs.get_queue_attributes(QueueUrl=pipeline.queue_url, AttributeNames=[name])["Attributes"][name])


@pytest.fixture(params=COUNTING)
def pipeline(emulator_nodejs: LocalEmulator, request: pytest.FixtureRequest) -> Pipeline:
    return Pipeline(emulator_nodejs, handler=COUNTING[request.param], runtime=request.param)


def test_process_is_used_again_after_an_exception(pipeline: Pipeline) -> None:
    process = _invoke(pipeline)["process"]
    assert _invoke(pipeline, "raise")["errorMessage"] == f"call 2 of {process}"
    assert _invoke(pipeline, "raise")["errorMessage"] == f"call 3 of {process}"
    assert _invoke(pipeline) == {"calls": 4, "process": process}


def test_a_frame_has_its_line_without_marks_below_it(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler="def handler(event, context):\n    return 1 + event['absent']")
    frame = "  File \"/var/task/index.py\", line 2, in handler\n    return 1 + event['absent']\n"
    assert _invoke(pipeline)["stackTrace"] == [frame]


def test_process_is_used_again_after_its_first_invocation_raised(pipeline: Pipeline) -> None:
    process = _invoke(pipeline, "raise")["errorMessage"].removeprefix("call 1 of ")
    assert _invoke(pipeline, "raise")["errorMessage"] == f"call 2 of {process}"


@pytest.mark.parametrize("runtime", REFUSING)
def test_failing_batches_of_four_shards_start_one_process(emulator_nodejs: LocalEmulator, runtime: str) -> None:
    """Each process has a log stream of its own."""
    pipeline = Pipeline(emulator_nodejs, handler=REFUSING[runtime], runtime=runtime)
    allow_logs(pipeline)
    pipeline.client("lambda").invoke(FunctionName="processor", Payload=b'{"Records": []}')  # it takes a while to start
    orders = [f"order-{number}" for number in range(24)]
    pipeline.put_at_once(*orders, poison=tuple(orders[::6]))
    assert eventually(lambda: _waiting(pipeline), lambda count: count == 4) == 4
    streams = pipeline.client("logs").describe_log_streams(logGroupName="/aws/lambda/processor")["logStreams"]
    assert len(streams) == 1
    assert sum(line.startswith("REPORT") for line in lines(pipeline)) >= 4 * 3
    assert eventually(lambda: pipeline.metric("Errors"), lambda errors: errors >= 4 * 3)


@pytest.mark.parametrize("end", ["die", "sleep"])
def test_process_is_replaced_after_its_end_and_the_end_is_logged(pipeline: Pipeline, end: str) -> None:
    allow_logs(pipeline)
    pipeline.client("lambda").update_function_configuration(FunctionName="processor", Timeout=1)
    process = _invoke(pipeline)["process"]
    assert "errorMessage" in _invoke(pipeline, end)
    after = _invoke(pipeline)
    assert after["calls"] == 1
    text = {"die": "Error: Runtime exited with error: exit status 1", "sleep": "Task timed out after 1.00 seconds"}[end]
    entries = [entry for line in lines(pipeline) if (entry := parse_entry(line)).is_error]
    assert [entry.text for entry in entries] == [text]
    assert entries[0].request_id
    assert after["process"] != process


def test_an_invocation_after_a_rejected_promise_gets_a_new_process(emulator_nodejs: LocalEmulator) -> None:
    handler = """
let calls = 0;
export function handler(event) {
  calls += 1;
  if (event.do === "reject") Promise.reject(new Error("lost"));
  return new Promise((resolve) => setTimeout(() => resolve({ calls }), event.do === "reject" ? 5_000 : 0));
}
"""
    pipeline = Pipeline(emulator_nodejs, handler=handler, runtime="nodejs24.x")
    assert _invoke(pipeline) == {"calls": 1}
    for _ in range(3):
        assert _invoke(pipeline, "reject")["errorType"] == "Runtime.UnhandledPromiseRejection"
        assert _invoke(pipeline) == {"calls": 1}


def test_invocations_at_once_share_a_process(emulator: LocalEmulator) -> None:
    pipeline = Pipeline(emulator, handler=COUNTING["python3.12"])
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _invoke(pipeline), range(4)))
    assert sorted(answer["calls"] for answer in answers) == [1, 2, 3, 4]


def test_an_invocation_that_another_one_needs_gets_a_process(emulator: LocalEmulator, tmp_path: Path) -> None:
    """Each of the two ends when both run."""
    pipeline = Pipeline(emulator, handler=COUNTING["python3.12"])
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: _invoke(pipeline, "meet", str(tmp_path)), range(2)))
    assert len({answer["process"] for answer in answers}) == 2
