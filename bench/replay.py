"""Replay of failures."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.report import Count, Figure, Section
from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.stream_records import Cause, Kept, event_record
from pipectl.commands.outputs import outputs
from pipectl.commands.replay_dlq import replay
from pipectl.commands.up import up
from pipectl.config.loading import load
from pipectl.context import Context
from pipectl.failures.audit_table import Selection
from pipectl.failures.audit_writer import AuditWriter, Change, Written
from pipectl.failures.claims import PARALLEL
from pipectl.failures.model import quarantine_key
from pipectl.local import lifecycle
from pipectl.output.console import Screen
from pipectl.timestamps import rfc3339_milliseconds

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config" / "dev.yaml"
FAILURES = 1000
MOST_CALLS = 300
SECONDS = 0.01
ROUNDS = 3
MEMORY_OF = 10_000, 100_000
"""Numbers of failures whose memory is compared."""
SPEED = (
    "Each call of a fake AWS takes 10 ms, and every failure is one record. Claims and outcomes are written in "
    "transactions of up to 100 items, and for comparison with one call each, eight at a time, as before."
)
MEMORY = "Peak memory of the whole process, on a fake AWS that generates the failures."
EMULATOR = (
    "1,000 failures of one record each in four shards, as the auditor writes them. The plain loop does for each what a "
    "script would: get an iterator, get the record, invoke the function, mark the item. Both overwrite, so both write "
    "every object. All calls are counted: those that check the resources, the preview, and the replay."
)


class SingleWrites(AuditWriter):
    """Writes each update with a call of its own, eight at a time."""

    def __init__(self, aws: Aws, table: str) -> None:
        super().__init__(aws, table)
        self._pool = ThreadPoolExecutor(PARALLEL)

    def write(self, changes: Sequence[Change]) -> list[Written]:
        return list(self._pool.map(lambda change: self.write_one(*change), changes))


class Pipeline:
    """A pipeline with a disabled mapping, unprocessed orders, and a failure for each order."""

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
        self.records: list[tuple[str, str]] = []
        """Shard and sequence number of each record."""

    def prepare(self, records: int) -> None:
        for number in range(records):
            item: Any = {"orderId": {"S": f"order-{number}"}, "amount": {"N": str(number)}, "note": {"S": "x" * 200}}
            self.aws.dynamodb.put_item(TableName=self.names.orders_table, Item=item)
        described = self.aws.streams.describe_stream(StreamArn=self.stream)
        for shard in described["StreamDescription"]["Shards"]:
            found = self._read(shard["ShardId"], "TRIM_HORIZON")
            self.records += [(shard["ShardId"], raw["dynamodb"]["SequenceNumber"]) for raw in found]
        self.open_all()

    def open_all(self) -> None:
        """Write an open failure for each record, in the form of the auditor."""
        now = rfc3339_milliseconds(self.aws.clock.now())
        for shard, number in self.records:
            where = {"arn": self.stream, "shardId": shard, "startSequenceNumber": number}
            stream = {name: {"S": value} for name, value in (where | {"endSequenceNumber": number}).items()}
            item: Any = {
                "auditId": {"S": number},
                "timestamp": {"S": now},
                "failureType": {"S": "RetryAttemptsExhausted"},
                "stream": {"M": stream},
                "replayStatus": {"S": "OPEN"},
                "unresolved": {"S": "yes"},
            }
            self.aws.dynamodb.put_item(TableName=self.names.audit_table, Item=item)
        self.moment = now

    def quarantine(self) -> None:
        """Keep each record in the quarantine, like the processor."""
        prefix = self.context.config.bucket.failed_prefix
        for shard in {shard for shard, _ in self.records}:
            for raw in self._read(shard, "TRIM_HORIZON"):
                event = event_record(raw, self.stream)
                body = Kept(event, Cause("ValueError: no amount", self.aws.clock.now(), "request", "1")).json()
                self.aws.s3.put_object(Bucket=self.names.bucket, Key=quarantine_key(prefix, event), Body=body.encode())

    def pipectl(self) -> int:
        now = self.aws.clock.now()
        selection = Selection(since=now - timedelta(hours=1), until=now)
        return replay(self.context, selection, _yes, overwrite=True).replayed

    def plain_loop(self) -> int:
        for shard, number in self.records:
            (raw,) = self._read(shard, "AT_SEQUENCE_NUMBER", SequenceNumber=number, limit=1)
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
        return len(self.records)

    def _read(self, shard: str, kind: Any, *, limit: int = 1000, **where: Any) -> list[Any]:
        answer = self.aws.streams.get_shard_iterator(
            StreamArn=self.stream, ShardId=shard, ShardIteratorType=kind, **where
        )
        iterator: str | None = answer.get("ShardIterator")
        found: list[Any] = []
        while iterator:
            page = self.aws.streams.get_records(ShardIterator=iterator, Limit=limit)
            found += page["Records"]
            iterator = page.get("NextShardIterator") if page["Records"] and limit > 1 else None
        return found


def sections() -> Iterator[Section]:
    yield speed()
    yield memory()
    yield on_emulator()


def speed() -> Section:
    """Replay failures on a fake AWS whose calls take 10 ms, with transactions and with single writes by turns."""
    from tests.failures.hundred_thousand import Endless

    def run(writer: Callable[[Aws, str], AuditWriter]) -> tuple[float, int]:
        endless = Endless(FAILURES, SECONDS)
        start = time.perf_counter()
        _replay_all(endless, writer)
        return time.perf_counter() - start, endless.calls.total()

    together, single = zip(*((run(AuditWriter), run(SingleWrites)) for _ in range(ROUNDS)), strict=True)
    figure = Figure(
        f"replay of {FAILURES:,} failures",
        statistics.median(seconds for seconds, _ in together),
        statistics.median(seconds for seconds, _ in single),
        "s",
        "single writes",
        limit=1 / 3,
    )
    counts = [
        Count("calls with transactions", max(calls for _, calls in together), MOST_CALLS),
        Count("calls with single writes", max(calls for _, calls in single)),
    ]
    return Section("Transactions and single writes", SPEED, [figure], counts)


def memory() -> Section:
    """Compare the peak memory of replays of few and of many failures, each in a process of its own."""
    few, many = (_peak(count) for count in MEMORY_OF)
    figure = Figure(f"memory for {MEMORY_OF[1]:,} failures", many, few, "MB", f"{MEMORY_OF[0]:,} failures", limit=1.1)
    return Section("Memory", MEMORY, [figure])


def on_emulator() -> Section:
    """Replay on the local emulator, after a plain loop over the same failures."""
    calls: list[Call] = []
    with lifecycle.temporary() as running:
        aws = Aws(
            "us-east-1",
            endpoint_url=running.endpoint_url,
            credentials=Credentials(**running.credentials("000000000001")),
            on_call=calls.append,
        )
        pipeline = Pipeline(aws, calls)
        pipeline.prepare(FAILURES)
        taken: dict[str, float] = {}
        made: dict[str, Counter[str]] = {}
        for name, act in (("plain loop", pipeline.plain_loop), ("pipectl", pipeline.pipectl)):
            taken[name], made[name] = measure(pipeline, act)
        pipeline.quarantine()
        pipeline.open_all()
        _, made["pipectl, all records in the quarantine"] = measure(pipeline, pipeline.pipectl)
    figure = Figure(
        f"replay of {FAILURES:,} failures",
        taken["pipectl"],
        taken["plain loop"],
        "s",
        "plain loop",
    )
    counts = [
        Count(f"calls: {name}", operations.total(), None if name == "plain loop" else MOST_CALLS)
        for name, operations in made.items()
    ]
    return Section("On the local emulator", f"{EMULATOR}\n\n{_most_frequent(made)}", [figure], counts)


def measure(pipeline: Pipeline, act: Callable[[], int]) -> tuple[float, Counter[str]]:
    """Return the seconds, and the calls of one run by operation."""
    pipeline.calls.clear()
    start = time.perf_counter()
    records = act()
    seconds = time.perf_counter() - start
    if records != FAILURES:
        raise SystemExit(f"{records} of {FAILURES} records were processed")
    return seconds, Counter(call.operation for call in pipeline.calls)


def _replay_all(endless: Any, writer: Callable[[Aws, str], AuditWriter]) -> None:
    from tests.failures.commanding import context, selection

    found = context(endless)
    found.audit_table.writer = writer(endless.aws, "audit")
    report = replay(found, selection(endless), _yes)
    if report.replayed != FAILURES:
        raise SystemExit(f"{report.replayed} of {FAILURES} records were processed")


def _peak(count: int) -> float:
    command = [sys.executable, "-m", "tests.failures.hundred_thousand", "replay", str(count)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(found.stdout)["peak_mb"])


def _most_frequent(made: Mapping[str, Counter[str]]) -> str:
    lines = []
    for name, operations in made.items():
        listed = ", ".join(f"{number} {operation}" for operation, number in operations.most_common(8))
        lines.append(f"- {name}: {listed}")
    return "\n".join(lines)


def _yes(_: object) -> None:
    """Confirm everything."""
