"""Measure `replay-dlq` on the local emulator: records per second beside a plain loop, calls, and peak memory.

    python bench/replay.py [RECORDS]

Every record is a failure of its own, which is what bisecting leaves. The plain loop does for each what a script would:
get an iterator, get the record, invoke the function, mark the item. Both overwrite, so both write every object.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.stream_records import event_record
from pipectl.commands.outputs import outputs
from pipectl.commands.replay_dlq import replay
from pipectl.commands.up import up
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.failures.audit_table import Selection
from pipectl.local import lifecycle
from pipectl.output.console import Screen
from pipectl.timestamps import rfc3339_milliseconds

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config" / "dev.yaml"
ROUNDS = 3


class Bench:
    """Create a pipeline with a disabled mapping, unprocessed orders, and a failure for each order."""

    def __init__(self, aws: Aws, calls: list[Call]) -> None:
        config = load(CONFIG)
        mapping = config.stream_mapping.model_copy(update={"enabled": False})
        self.aws, self.calls = aws, calls
        self.context = Context(
            config.model_copy(update={"stream_mapping": mapping}), CONFIG, aws, Screen(quiet=True).progress
        )
        up(self.context, _yes)
        self.names = self.context.pipeline.physical
        self.stream = outputs(self.context)["OrdersTableStreamArn"]
        shards = aws.streams.describe_stream(StreamArn=self.stream)["StreamDescription"]["Shards"]
        self.shard = shards[0]["ShardId"]

    def prepare(self, records: int) -> None:
        for number in range(records):
            item: Any = {"orderId": {"S": f"order-{number}"}, "amount": {"N": str(number)}, "note": {"S": "x" * 200}}
            self.aws.dynamodb.put_item(TableName=self.names.orders_table, Item=item)
        self.numbers = [raw["dynamodb"]["SequenceNumber"] for raw in self._read("TRIM_HORIZON")][-records:]
        self.open_all()

    def open_all(self) -> None:
        """Write an open failure for each record, in the form of the auditor."""
        now = rfc3339_milliseconds(self.aws.clock.now())
        for number in self.numbers:
            where = {"arn": self.stream, "shardId": self.shard, "startSequenceNumber": number}
            stream = {name: {"S": value} for name, value in (where | {"endSequenceNumber": number}).items()}
            item: Any = {
                "auditId": {"S": number},
                "timestamp": {"S": now},
                "failureType": {"S": "RetryAttemptsExhausted"},
                "stream": {"M": stream},
                "replayStatus": {"S": "OPEN"},
            }
            self.aws.dynamodb.put_item(TableName=self.names.audit_table, Item=item)
        self.moment = now

    def pipectl(self) -> int:
        now = self.aws.clock.now()
        selection = Selection(since=now - timedelta(hours=1), until=now)
        return replay(self.context, selection, _yes, overwrite=True).replayed

    def plain_loop(self) -> int:
        for number in self.numbers:
            (raw,) = self._read("AT_SEQUENCE_NUMBER", SequenceNumber=number, limit=1)
            event = {"Records": [event_record(raw, self.stream)], "overwrite": True}
            answer = self.aws.lambda_.invoke(FunctionName=self.names.processor, Payload=json.dumps(event).encode())
            if answer.get("FunctionError"):
                raise SystemExit(answer["Payload"].read().decode())
            self.aws.dynamodb.update_item(
                TableName=self.names.audit_table,
                Key={"auditId": {"S": number}, "timestamp": {"S": self.moment}},
                UpdateExpression="SET seen = :yes",
                ExpressionAttributeValues={":yes": {"BOOL": True}},
            )
        return len(self.numbers)

    def _read(self, kind: Any, *, limit: int = 1000, **where: Any) -> list[Any]:
        answer = self.aws.streams.get_shard_iterator(
            StreamArn=self.stream, ShardId=self.shard, ShardIteratorType=kind, **where
        )
        iterator: str | None = answer.get("ShardIterator")
        found: list[Any] = []
        while iterator:
            page = self.aws.streams.get_records(ShardIterator=iterator, Limit=limit)
            found += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] and limit > 1 else None
        return found


def measure(bench: Bench, act: Callable[[], int]) -> tuple[float, Counter[str]]:
    """Return the records per second, and the calls of one run by operation."""
    bench.calls.clear()
    start = time.perf_counter()
    records = act()
    return records / (time.perf_counter() - start), Counter(call.operation for call in bench.calls)


def main(records: int) -> None:
    calls: list[Call] = []
    with lifecycle.temporary() as running:
        aws = Aws(
            "us-east-1",
            endpoint_url=running.endpoint_url,
            credentials=Credentials(**running.credentials("000000000001")),
            on_call=calls.append,
        )
        bench = Bench(aws, calls)
        bench.prepare(records)
        for round_ in range(ROUNDS):
            for name, act in (("plain loop", bench.plain_loop), ("pipectl", bench.pipectl)):
                speed, made = measure(bench, act)
                per_thousand = {operation: round(count * 1000 / records) for operation, count in made.most_common(5)}
                total = round(sum(made.values()) * 1000 / records)
                print(f"{round_} {name:<10} {speed:7.0f} records/s  {total:5} calls per 1,000 records  {per_thousand}")
            bench.open_all()
    for act_name in ("preview", "iterate", "replay"):
        command = [sys.executable, "-m", "tests.failures.hundred_thousand", act_name]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        print(f"100,000 failures, {act_name}: {found.stdout.strip()}")


def _yes(_: object) -> None:
    """Confirm everything."""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
