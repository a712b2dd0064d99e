"""The scenario of the recordings: one project on the local emulator, from `init` to `down`, and one `demo`.

Orders of a shop arrive. Four of them fail for two causes. Somebody lets everybody read the queue, by hand. The
processor is corrected and gets more memory, `plan` shows the changes, `up` applies them, and a replay stores the failed
orders.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tools.pictures import tasks
from tools.pictures.session import Recorder, Recording
from tools.pictures.terminal import lines_of, text_of

from pipectl.local import lifecycle

PROJECT = "orders"
DEMO_ROWS = 26
WIDE = 130
"""Columns for names and ARNs, which break in a terminal of 80."""
NARROW = 50
"""Columns that can be read on a phone."""
_HANDLER = "lambda_src/python/processor/handler.py"
_EDITS: Mapping[str, tuple[str, str]] = {
    "need an address": (
        '    return {"status": "PROCESSED"}\n',
        '    return {"status": "PROCESSED", "country": order["address"]["country"]}\n',
    ),
    "accept any amount": (
        "        raise InvalidOrderError(f\"amount must be a number, got {shown(order['amount'])}\")\n",
        '        return {"status": "NEEDS_REVIEW"}\n',
    ),
    "accept orders without an address": (
        'order["address"]["country"]',
        'order.get("address", {}).get("country")',
    ),
}
_STORED = (
    '{"orderId": "order-1001", "customer": "Ada", "amount": 18.40, "address": {"country": "NO"}}',
    '{"orderId": "order-1002", "customer": "Grace", "amount": 7.25, "address": {"country": "DE"}}',
)
_FAILED = (
    '{"orderId": "order-1003", "customer": "Alan", "amount": "EUR 58", "address": {"country": "GB"}}',
    '{"orderId": "order-1004", "customer": "Barbara", "amount": "9,90", "address": {"country": "US"}}',
    '{"orderId": "order-1005", "customer": "Katherine", "amount": 64.50}',
)


def run() -> dict[str, Recording]:
    """Run everything. Return the recording of each shown command by its name."""
    with tempfile.TemporaryDirectory(prefix="pictures") as folder, _project(Path(folder)) as recorder:
        recordings: dict[str, Recording] = {}
        for part in (_empty_folder, _first_orders, _failures, _fix, _end):
            recordings |= part(recorder)
        return recordings | tasks.run(recorder)


@contextmanager
def _project(root: Path) -> Iterator[Recorder]:
    """Yield a recorder for the folder of the project, which `init` creates. Stop its local emulator at the end."""
    home = root / "home"
    source = str(Path(__file__).parents[2] / "src")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(root), "PIPECTL_HOME": str(home), "PYTHONPATH": source}
    try:
        yield Recorder(root / PROJECT, environment)
    finally:
        lifecycle.stop(home)


def _empty_folder(recorder: Recorder) -> dict[str, Recording]:
    outside = replace(recorder, folder=recorder.folder.parent)
    answers = ("", "Shop", "", "", "", "")
    return {
        "demo": replace(outside, rows=DEMO_ROWS).record("pipectl demo"),
        "demo-narrow": replace(outside, columns=NARROW, rows=DEMO_ROWS).record("pipectl demo"),
        "init": outside.record(f"pipectl init {PROJECT}", answers=answers),
    }


def _first_orders(recorder: Recorder) -> dict[str, Recording]:
    return {
        "up": recorder.record("pipectl --local up --yes"),
        "send": recorder.record("pipectl --local send events/order.json"),
        "status": recorder.record("pipectl --local status"),
        "send-invalid": recorder.record("pipectl --local send events/invalid-order.json", exit_code=1),
    }


def _failures(recorder: Recorder) -> dict[str, Recording]:
    """Deploy a rule that needs an address, and send orders of which one has none and two have invalid amounts."""
    _edit(recorder.folder / _HANDLER, "need an address")
    recorder.record("pipectl --local up --yes")
    for order in _STORED:
        recorder.record(f"pipectl --local send '{order}'")
    for order in _FAILED:
        recorder.record(f"pipectl --local send '{order}'", exit_code=1)
    return {
        **_both("status-failing", recorder, "pipectl --local status"),
        **_both("audit-list", recorder, "pipectl --local audit list"),
        "audit-show": recorder.record("pipectl --local audit show order-1003"),
        "trace-failed": recorder.record("pipectl --local trace order-1003"),
        "logs": recorder.record("pipectl --local logs"),
        "report": recorder.record("pipectl --local report --html report.html"),
    }


def _fix(recorder: Recorder) -> dict[str, Recording]:
    _edit(recorder.folder / _HANDLER, "accept any amount", "accept orders without an address")
    config = recorder.folder / "config" / "dev.yaml"
    config.write_text(_replaced(config.read_text(), "memory: 256 ", "memory: 512 "))
    _open_queue(recorder)
    plans = _both("plan", recorder, "pipectl --local plan")
    (identifier,) = re.findall(r"up --plan (\w+)", text(plans["plan"]))
    return {
        **plans,
        "up-plan": recorder.record(f"pipectl --local up --plan {identifier}"),
        "replay-preview": recorder.record("pipectl --local replay-dlq --dry-run"),
        "replay": recorder.record("pipectl --local replay-dlq --yes"),
        **_both("trace", recorder, "pipectl --local trace order-1003"),
    }


def _end(recorder: Recorder) -> dict[str, Recording]:
    wide = replace(recorder, columns=WIDE)
    for name in ("staging", "prod"):
        recorder.record(f"pipectl init --environment {name} --yes")
        recorder.record(f"pipectl --local -c config/{name}.yaml up --yes")
    return {
        "verify": recorder.record("pipectl --local verify"),
        "outputs": wide.record("pipectl --local outputs"),
        "list": recorder.record("pipectl --local list"),
        "down": recorder.record("pipectl --local down --yes --delete-data"),
    }


def _both(name: str, recorder: Recorder, line: str) -> dict[str, Recording]:
    """Run a command that changes nothing in a terminal of the usual width, and in a narrow one."""
    return {name: recorder.record(line), f"{name}-narrow": replace(recorder, columns=NARROW).record(line)}


def text(recording: Recording) -> str:
    """Return the text that a command leaves on the terminal."""
    return "\n".join(text_of(line) for line in lines_of(recording))


def _edit(file: Path, *edits: str) -> None:
    code = file.read_text()
    for edit in edits:
        code = _replaced(code, *_EDITS[edit])
    file.write_text(code)


def _replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in the file"
    return text.replace(old, new)


def _open_queue(recorder: Recorder) -> None:
    """Let everybody read the dead-letter queue, as somebody could do by hand."""
    sqs = recorder.client("sqs")
    url = sqs.get_queue_url(QueueName="dev-order-processor-dlq-backend")["QueueUrl"]
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    shared = {"Sid": "Share", "Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage"}
    policy["Statement"].insert(0, {**shared, "Resource": policy["Statement"][0]["Resource"]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
