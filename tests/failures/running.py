"""Runs the replay on the fake world as the command does, without what only the command knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pipectl.failures.invoking import Invoker
from pipectl.failures.model import FAILURE_TYPES, UNRESOLVED, Failure
from pipectl.failures.records import RecordReader
from pipectl.failures.replaying import Replay, ReplayReport, Tools
from pipectl.failures.trail import failures_of_type
from tests.failures.fakes import AUDIT_TABLE, BUCKET, PROCESSOR, TABLE_ARN, Process, World

CLAIM_SECONDS = 120.0


def tools(process: Process, **changes: Any) -> Tools:
    settings: dict[str, Any] = {
        "aws": process.aws,
        "audit_table": AUDIT_TABLE,
        "table_arn": TABLE_ARN,
        "reader": RecordReader(process.aws, BUCKET, "failed-data"),
        "invoker": Invoker(process.aws, PROCESSOR),
        "chunk": 100,
        "claim_seconds": CLAIM_SECONDS,
    }
    return Tools(**settings | changes)


def open_failures(process: Process) -> Iterator[Failure]:
    now = process.clock.now()
    for failure_type in FAILURE_TYPES:
        yield from failures_of_type(
            process.aws,
            AUDIT_TABLE,
            failure_type,
            since=now - timedelta(days=7),
            until=now,
            statuses=UNRESOLVED,
            newest_first=False,
        )


def replay(where: World | Process, **changes: Any) -> ReplayReport:
    process = where if isinstance(where, Process) else Process(where)
    return Replay(tools(process, **changes)).from_stream(open_failures(process))


def audited_failures(world: World, *audit_ids: str) -> list[Failure]:
    return [Failure.of(item) for (audit_id, _), item in world.audit.items() if audit_id in audit_ids]
