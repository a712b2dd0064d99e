"""Run a replay on the fake world, like the command."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pipectl.failures.audit_table import AuditTable, Selection
from pipectl.failures.model import Failure
from pipectl.failures.outcomes import ReplayReport
from pipectl.failures.processor_client import ProcessorClient
from pipectl.failures.record_reader import RecordReader
from pipectl.failures.replay import Replay
from pipectl.failures.status import UNRESOLVED
from tests.failures.fakes import AUDIT_TABLE, BUCKET, PROCESSOR, TABLE_ARN, Process, World

CLAIM_SECONDS = 120.0


def reader(process: Process) -> RecordReader:
    return RecordReader(process.aws, BUCKET, "failed-data")


def new_replay(process: Process, **changes: Any) -> Replay:
    settings: dict[str, Any] = {
        "stream_prefix": f"{TABLE_ARN}/stream/",
        "batch_size": 100,
        "claim_seconds": CLAIM_SECONDS,
    }
    return Replay(
        AuditTable(process.aws, AUDIT_TABLE),
        reader(process),
        ProcessorClient(process.aws, PROCESSOR),
        process.aws.clock,
        **settings | changes,
    )


def open_failures(process: Process) -> Iterator[Failure]:
    now = process.clock.now()
    return AuditTable(process.aws, AUDIT_TABLE).find(Selection(now - timedelta(days=7), now, statuses=UNRESOLVED))


def replay(where: World | Process, **changes: Any) -> ReplayReport:
    process = where if isinstance(where, Process) else Process(where)
    return new_replay(process, **changes).from_stream(open_failures(process))


def audited_failures(world: World, *audit_ids: str) -> list[Failure]:
    return [Failure.of(item) for (audit_id, _), item in world.audit.items() if audit_id in audit_ids]
