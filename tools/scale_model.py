"""A model of the pipeline's load, time and cost, for docs/scale.md.

Sizes are those that the handlers write. Defaults are read from the config. The retries of a batch come from the rules
of the local emulator. Tests compare them.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

from pipectl.clock import SystemClock
from pipectl.config.models import AuditorConfig, ProcessorConfig, StreamMappingConfig
from pipectl.failures.processor_client import ProcessorClient
from pipectl.local.batching import Batch, Outcome, Settings

BATCH = int(StreamMappingConfig.model_fields["batch_size"].default)
MEMORY = int(ProcessorConfig.model_fields["memory"].default)
AUDITOR_MEMORY = int(AuditorConfig.model_fields["memory"].default)

# Assumptions, and sizes in bytes. tests/tools/test_scale_figures.py measures the sizes.
PUT_SECONDS = 0.1
RECORD_CPU_SECONDS = 0.001
FULL_CPU_MB = 1769
WRITERS = 16
ORDER_BYTES = 1000
FAILING = Fraction(1, 100)
OBJECT_BYTES = 1524
QUARANTINE_BYTES = 1731
AUDIT_ITEM_BYTES = 1923
CLAIMED_ITEM_BYTES = 2000
REPLAYED_ITEM_BYTES = 2073
FAILURE_LOG_BYTES = 314
ERROR_LOG_BYTES = 700
INVOCATION_LOG_BYTES = 350
EVENT_OVERHEAD_BYTES = 26

# Limits of AWS.
PARTITION_UNITS = 1000
FIRST_SHARDS = 4
PREFIX_PUTS = 3500
TABLE_UNITS = 40_000
CONCURRENCY = 1000
MOST_PARALLEL = 10
NEW_CONCURRENCY = 10
EVENT_BYTES = 6 * 1024 * 1024
LARGEST_ITEM_BYTES = 400 * 1024


@dataclass(frozen=True)
class Work:
    """The work of one order on average. Failing tries and errors are parts of tries and invocations."""

    invocations: float
    tries: float
    seconds: float
    failing_tries: float
    errors: float


def invocation_seconds(records: int, memory: int) -> float:
    """Return the longer of the S3 waits, of which 16 run at once, and the processor time at this memory."""
    share = min(1.0, memory / FULL_CPU_MB)
    return max(math.ceil(records / WRITERS) * PUT_SECONDS, records * RECORD_CPU_SECONDS / share)


@cache
def work(batch: int, memory: int, *, failing: bool) -> Work:
    """Return the work of an order in full batches; with `failing`, each hundredth order fails always.

    The failing orders have equal distances, and every position of the first one counts alike.
    """
    if not failing:
        return Work(1 / batch, 1, invocation_seconds(batch, memory) / batch, 0, 0)
    every = int(1 / FAILING)
    runs = [settled(range(first, batch, every), batch, memory) for first in range(every)]
    orders = batch * len(runs)
    return Work(*(sum(run[place] for run in runs) / orders for place in range(5)))


def settled(failing: Sequence[int], batch: int, memory: int) -> tuple[float, ...]:
    """Work through one batch by the rules of Lambda. Return the sums of `Work`."""
    mapping = StreamMappingConfig()
    rules = Settings(mapping.retry_attempts, -1, bisect=mapping.bisect, report_item_failures=True)
    records = [{"dynamodb": {"SequenceNumber": str(number)}} for number in range(batch)]
    state, invocations, tries, seconds, failing_tries, errors = Batch(records), 0, 0, 0.0, 0, 0
    while unit := state.next_unit(rules, 0):
        failed = [number for number in failing if unit.start <= number < unit.stop]
        raised = unit.start in failed
        items = [{"itemIdentifier": str(number)} for number in failed]
        state.settle(Outcome({"batchItemFailures": items}, raised=raised), rules)
        invocations += 1
        tries += unit.size
        seconds += invocation_seconds(unit.size, memory) + math.ceil(len(failed) / WRITERS) * PUT_SECONDS
        failing_tries += len(failed)
        errors += raised
    return invocations, tries, seconds, failing_tries, errors


@cache
def replay_sizes(batch: int) -> tuple[int, ...]:
    """Return the records of each invocation of `replay-dlq` for one batch of which every record fails again."""
    sizes: list[int] = []

    def invoke(*, Payload: bytes, **_: object) -> object:  # noqa: N803
        sizes.append(len(json.loads(Payload)["Records"]))
        return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"{}")}

    aws: Any = SimpleNamespace(clock=SystemClock(), invoker=SimpleNamespace(invoke=invoke))
    records: Any = [{"dynamodb": {"SequenceNumber": f"{number:021}", "Keys": {}}} for number in range(batch)]
    ProcessorClient(aws, "processor").process(records)
    return tuple(sizes)


def units(size: int) -> int:
    """Return the write units of an item of so many bytes: one for each KB that it begins."""
    return math.ceil(size / 1024)


def shards(rate: int) -> int:
    """Return the fewest shards: one for each partition of 1,000 write units, and four of a new on-demand table."""
    return max(FIRST_SHARDS, math.ceil(rate * units(ORDER_BYTES) / PARTITION_UNITS))


def lanes(rate: int, batch: int, memory: int, *, failing: bool) -> int:
    """Return the invocations that have to run at once."""
    return math.ceil(rate * work(batch, memory, failing=failing).seconds)


def log_bytes(one: Work) -> float:
    """Return the bytes of log an order, with the 26 bytes that CloudWatch adds to each of its lines."""
    failures = (FAILURE_LOG_BYTES + EVENT_OVERHEAD_BYTES) * one.failing_tries
    errors = (ERROR_LOG_BYTES + EVENT_OVERHEAD_BYTES) * one.errors
    return INVOCATION_LOG_BYTES * one.invocations + failures + errors


def failing_replay_seconds(batch: int, memory: int) -> float:
    """Return the seconds of `replay_sizes`, one invocation after the other. Each try writes to the quarantine."""
    return sum(invocation_seconds(size, memory) for size in replay_sizes(batch))
