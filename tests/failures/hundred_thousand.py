"""A hundred thousand failures behind fakes that generate them, to measure pipectl's own memory.

Run in a process of its own: `python -m tests.failures.hundred_thousand preview|iterate|replay [COUNT]`. It prints the
peak of its memory in MB, and what it did.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pipectl.aws.client import Aws
from pipectl.aws.waits import Portion
from pipectl.commands import replay_dlq as command
from pipectl.failures.audit_table import AuditTable
from tests.failures.commanding import context, selection, yes
from tests.failures.fakes import SHARD, STREAM_ARN
from tests.support import ACCOUNT, REGION, FakeClock

COUNT = 100_000
PAGE = 700
FIRST, STEP = 10**20, 1009
BODY = "x" * 1000


class Endless:
    """An AWS with failures of one record each, generated on demand.

    Args:
        count: Number of failures.
        seconds: Duration of each call.
    """

    def __init__(self, count: int = COUNT, seconds: float = 0.0) -> None:
        self.count = count
        self._seconds = seconds
        self.clock = FakeClock()
        self.account_id, self.region, self.partition = ACCOUNT, REGION, "aws"
        self.statuses = bytearray(count)
        self.claims: dict[int, str] = {}
        self.processed = bytearray(count)
        self.calls: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.streams = self.s3 = self.dynamodb = self.invoker = self.sqs = self.logs = self

    @property
    def aws(self) -> Aws:
        return cast(Aws, self)

    def require_account(self, expected: str | None) -> None: ...

    def say(self, text: str) -> None: ...

    def awaits(self, what: str | Portion | None) -> None: ...

    def now(self) -> datetime:
        return self.clock.now()

    def query(self, **request: Any) -> dict[str, Any]:
        if request["ExpressionAttributeValues"][":partition"]["S"] != "RetryAttemptsExhausted":
            return {"Items": []}
        self._called("Query")
        start = int(request.get("ExclusiveStartKey", {}).get("auditId", {"S": "0"})["S"])
        numbers = range(start, min(start + PAGE, self.count))
        more = {"LastEvaluatedKey": {"auditId": {"S": str(start + PAGE)}}} if start + PAGE < self.count else {}
        return {"Items": [self.item(number) for number in numbers if not self.statuses[number]], **more}

    def item(self, number: int) -> dict[str, Any]:
        written = {"S": f"{FIRST + number * STEP}"}
        arrival = {"S": "2025-12-31T23:00:00Z"}
        where = {"arn": {"S": STREAM_ARN}, "shardId": {"S": SHARD}}
        ends = {"startSequenceNumber": written, "endSequenceNumber": written}
        return {
            "auditId": {"S": f"{number:032}"},
            "timestamp": {"S": f"2025-12-31T23:{number // 60_000:02}:{number // 1000 % 60:02}.{number % 1000:03}Z"},
            "failureType": {"S": "RetryAttemptsExhausted"},
            "stream": {"M": where | ends | {"firstArrival": arrival, "lastArrival": arrival}},
            "message": {"M": {"body": {"S": BODY}}},
            "replayStatus": {"S": "OPEN"},
        }

    def transact_write_items(self, *, TransactItems: list[Any], ClientRequestToken: str) -> None:  # noqa: N803
        self._called("TransactWriteItems")
        with self.lock:
            for update in TransactItems:
                self.update(**update["Update"])

    def update_item(self, **update: Any) -> None:
        self._called("UpdateItem")
        with self.lock:
            self.update(**update)

    def update(self, *, Key: Any, ExpressionAttributeValues: Any, **request: Any) -> None:  # noqa: N803
        number, values = int(Key["auditId"]["S"]), ExpressionAttributeValues
        me = values[":me"]["S"]
        assert self.claims.get(number, me) == me
        if ":status" not in values:
            self.claims[number] = me
            return
        assert self.processed[number]
        assert values[":status"]["S"] == "REPLAYED"
        self.statuses[number] = 1
        del self.claims[number]

    def get_shard_iterator(self, *, SequenceNumber: str, **request: Any) -> Any:  # noqa: N803
        self._called("GetShardIterator")
        return {"ShardIterator": str((int(SequenceNumber) - FIRST) // STEP)}

    def get_records(self, *, ShardIterator: str) -> Any:  # noqa: N803
        self._called("GetRecords")
        start = int(ShardIterator)
        end = min(start + 1000, self.count)
        return {"Records": [self.record(number) for number in range(start, end)], "NextShardIterator": str(end)}

    def record(self, number: int) -> dict[str, Any]:
        image = {"orderId": {"S": f"order-{number}"}, "amount": {"N": "12"}, "note": {"S": "x" * 100}}
        return {
            "eventID": str(number),
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": datetime(2025, 12, 31, 23, tzinfo=UTC),
                "Keys": {"orderId": image["orderId"]},
                "NewImage": image,
                "SequenceNumber": f"{FIRST + number * STEP}",
            },
        }

    def invoke(self, *, Payload: bytes, **request: Any) -> Any:  # noqa: N803
        records = json.loads(Payload)["Records"]
        self._called("Invoke")
        with self.lock:
            for record in records:
                self.processed[int(record["eventID"])] = 1
        return {"Payload": io.BytesIO(b'{"batchItemFailures": []}')}

    def _called(self, operation: str) -> None:
        with self.lock:
            self.calls[operation] += 1
        time.sleep(self._seconds)

    def get_paginator(self, operation: str) -> Any:
        """Return a paginator of an empty quarantine, and of an empty log."""
        return SimpleNamespace(paginate=lambda **_: [{"Contents": [], "events": []}])

    def receive_message(self, **request: Any) -> Any:
        return {}

    def get_queue_attributes(self, **request: Any) -> Any:
        return {"Attributes": dict.fromkeys(request["AttributeNames"], "0")}


def preview(endless: Endless) -> dict[str, Any]:
    found = command.preview(context(endless), selection(endless))
    return {"failures": found.failures, "more": found.more}


def iterate(endless: Endless) -> dict[str, Any]:
    failures = AuditTable(endless.aws, "audit").find(selection(endless))
    return {"failures": sum(1 for failure in failures if failure.range)}


def replay(endless: Endless) -> dict[str, Any]:
    report = command.replay(context(endless), selection(endless), yes)
    assert all(endless.statuses)
    assert not endless.claims
    return {"statuses": report.statuses, "records": report.replayed, "calls": endless.calls}


def main(act: str, count: str = str(COUNT)) -> None:
    did = {"preview": preview, "iterate": iterate, "replay": replay}[act](Endless(int(count)))
    print(json.dumps({"peak_mb": round(peak_mb()), **did}))


def peak_mb() -> float:
    """Return the peak of this program: on Linux `ru_maxrss` starts with the peak of its parent process."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
