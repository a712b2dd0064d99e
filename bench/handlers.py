"""The handlers in both languages: processor time and peak memory on equal batches.

Each handler runs in a process of its own and in its usual way, but its client answers at once: measured is what the
handler does, not what S3 and DynamoDB take. Processor time, for that depends little on how busy this machine is. Memory
is the most that a new process ever held for one batch, SDK and the batch itself included. Runs on Linux.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report import Figure, Section
from pipectl.local import node

BENCH = Path(__file__).parent
SOURCES = BENCH.parent / "lambda_src"
RECORDS, MESSAGES = 100, 100
LARGEST_EVENT = 6 * 2**20
HEAP = ["--max-semi-space-size=6", "--max-old-space-size=115"]
"""The heap sizes in MB: 5 % and 90 % of a function with 128 MB. Without them Node.js uses the machine's memory."""
LANGUAGES = {"python": "Python", "nodejs": "Node.js"}
MEMORY = {"processor": 256, "auditor": 128}
"""The default `memory` of each function in MB."""
TURNS, ROUNDS = 3, 11
TIME_TEXT = f"""\
Node.js is measured, Python is the reference: medians of {TURNS} runs by turns, each of {ROUNDS} rounds over one batch.
A record is a modified order with two images of 500 bytes. The largest batch is a full event of 6 MB. The clients
answer at once, so this is the cost of the handlers alone. On AWS a record takes as long as S3 does, and 16 records are
written at a time."""
MEMORY_TEXT = """\
The peak of a new process that handles one batch, with the SDK and the batch. Node.js has the heap size of a function
with 128 MB. A batch of 6 MB with nothing but very small values needs more, 143 MB in Python: the default `memory` of
256 MB has room for it."""
SOURCE = "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-01-02T03:04:05.678"


def record(number: int) -> dict[str, Any]:
    """Return the stream record of a modified order, about 1.3 KB, in the form of an event source mapping."""
    line = {"M": {"sku": {"S": f"sku-{number}"}, "price": {"N": "19.90"}, "count": {"N": "3"}}}
    order = {
        "orderId": {"S": f"order-{number}"},
        "amount": {"N": "12345678901234567890.123456789012345678"},
        "customer": {"S": "Ada Lovelace, Zürich"},
        "lines": {"L": [line] * 4},
        "tags": {"SS": ["new", "gift"]},
    }
    return {
        "eventID": f"{number:032x}",
        "eventName": "MODIFY",
        "eventSourceARN": SOURCE,
        "dynamodb": {
            "ApproximateCreationDateTime": 1767323045,
            "SequenceNumber": f"{number:025}",
            "Keys": {"orderId": {"S": f"order-{number}"}},
            "NewImage": order,
            "OldImage": order,
        },
    }


def message(number: int) -> dict[str, Any]:
    """Return a dead-letter message in the form of an event source mapping."""
    body = {
        "requestContext": {"requestId": f"r-{number}", "functionArn": "arn:f", "condition": "RetryAttemptsExhausted"},
        "timestamp": "2026-01-02T03:10:00.717Z",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001",
            "startSequenceNumber": f"{number:025}",
            "endSequenceNumber": f"{number:025}",
            "batchSize": 1,
            "streamArn": SOURCE,
        },
    }
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1767323460250"}
    return {"messageId": f"m-{number}", "body": json.dumps(body), "attributes": attributes, "messageAttributes": {}}


def batches() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each function with a batch: of 100 records, of as many as Lambda hands to a function, of 100 messages."""
    yield "processor", list(map(record, range(RECORDS)))
    yield "processor", list(map(record, range(LARGEST_EVENT // len(json.dumps(record(1000))))))
    yield "auditor", list(map(message, range(MESSAGES)))


def measure(function: str, language: str, records: list[dict[str, Any]], rounds: int) -> tuple[float, float]:
    """Return the median of the CPU seconds of the rounds, and the peak memory in bytes."""
    found = node.find()
    with tempfile.TemporaryDirectory() as folder:
        handlers = Path(shutil.copytree(SOURCES, Path(folder, "lambda_src")))
        Path(folder, "node_modules").symlink_to(found.sdk)
        languages: dict[str, list[str | Path]] = {
            "python": [sys.executable, BENCH / "run_handler.py"],
            "nodejs": [found.binary, *HEAP, BENCH / "run_handler.mjs"],
        }
        handler = next((handlers / language / function).glob("handler.*"))
        command = [*languages[language], handler, str(rounds)]
        environment = {"PATH": os.environ["PATH"], "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        event = json.dumps({"Records": records})
        done = subprocess.run(command, input=event, capture_output=True, text=True, check=True, env=environment)
    seconds, peak, calls = json.loads(done.stdout)
    if calls != len(records) * rounds:
        raise SystemExit(f"{calls} calls for {len(records)} records in {rounds} rounds")
    return seconds, peak


def sections() -> Iterator[Section]:
    """Measure both languages on each batch by turns, and yield processor time and memory."""
    times, memory = [], []
    for function, records in batches():
        batch = f"{function}, batch of {len(records):,}"
        seconds: dict[str, list[float]] = {language: [] for language in LANGUAGES}
        for _ in range(TURNS):
            for language, taken in seconds.items():
                taken.append(measure(function, language, records, ROUNDS)[0] / len(records) * 1e6)
        python, node_js = (statistics.median(taken) for taken in seconds.values())
        times.append(Figure(batch, node_js, python, "µs a record", "Python"))
        for language, name in LANGUAGES.items():
            peak = measure(function, language, records, 1)[1] / 2**20
            memory.append(Figure(f"{batch}, {name}", peak, MEMORY[function], "MB", "default `memory`", limit=1.0))
    yield Section("Processor time", TIME_TEXT, times)
    yield Section("Peak memory", MEMORY_TEXT, memory)
