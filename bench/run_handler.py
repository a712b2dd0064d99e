"""Run a Python handler with an event from stdin. Print median CPU seconds, peak bytes and calls."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

file, rounds = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, str(Path(file).parent))
spec = spec_from_file_location("handler", file)
if spec is None or spec.loader is None:
    raise SystemExit(file)
module = module_from_spec(spec)
spec.loader.exec_module(module)
calls: list[None] = []


def put(**_: Any) -> dict[str, Any]:
    calls.append(None)
    return {}


module.boto3.client("s3" if hasattr(module, "Processor") else "dynamodb")  # the measured memory includes the SDK
client = SimpleNamespace(put_object=put, put_item=put)
if hasattr(module, "Processor"):
    handler = module.Processor(client, "bucket").process
else:
    handler = module.Auditor(client, "table").audit
event: str | None = sys.stdin.read()
context = SimpleNamespace(function_name="function", aws_request_id="request", function_version="1")
seconds = []
for left in reversed(range(rounds)):
    parsed = json.loads(event or "")
    event = event if left else None  # like Lambda, which keeps no text of the event
    start = time.process_time()
    handler(parsed, context)
    seconds.append(time.process_time() - start)
    del parsed
# Not `getrusage`: its figure starts with the memory of the process that started this one.
held = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([statistics.median(seconds), int(held[0]) * 1024, len(calls)]))
