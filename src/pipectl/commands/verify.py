"""`verify`: find lost records, and process them.

A failure that could not be delivered, or a mapping that was replaced at the wrong position, loses records without a
message. The key of a record's object follows from the record, so what the stream still holds can be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.facts import QueueFacts, TableFacts
from pipectl.failures.audit_table import CLOCKS_DIFFER, Selection
from pipectl.failures.batching import batches
from pipectl.failures.dead_letter_queue import count_messages
from pipectl.failures.model import FailedRecord, Record, written_at
from pipectl.failures.processor_client import ProcessorClient
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.failures.stream_reader import Shard
from pipectl.failures.table_reader import StreamReading, TableReader
from pipectl.failures.verification import LostRecord, RecordState, VerificationIndex, find_objects, read_lost
from pipectl.monitoring.stream_progress import progress
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize

NEEDS = (
    ResourceKey.ORDERS_TABLE,
    ResourceKey.AUDIT_TABLE,
    ResourceKey.BUCKET,
    ResourceKey.DEAD_LETTER_QUEUE,
    ResourceKey.PROCESSOR,
    ResourceKey.STREAM_MAPPING,
)
MOST_LISTED = 1000


@dataclass(frozen=True)
class VerifyReport:
    """State of the inserts and updates that the stream holds.

    Attributes:
        since: Records written at this time or later were checked.
        oldest: Time of the oldest record that the stream still has, of any kind; ``None`` when it has none.
        read: Number of records checked; the sum of the next four.
        stored: They have an object.
        failed: They have no object, and an unresolved failure in the audit table covers them.
        pending: They have neither object nor failure, and the mapping may not have read them yet.
        lost: They have neither object nor failure.
        records: The lost records, the oldest first; at most a thousand.
        waiting_in_queue: About how many failures wait for the auditor; some of the lost records may belong to them.
        repaired: Number of lost records that have an object now.
        failing: Lost records that failed when they were processed.
        unread: Shards that could not be read to their end, so that nothing is known about the rest of them.
        assumed: Open shards that returned only empty pages in the end; they are assumed to be read.
        uncertain: The reason why records are pending of which nothing certain is known; ``None`` when there are none.
    """

    since: datetime
    oldest: datetime | None
    read: int
    stored: int
    failed: int
    pending: int
    lost: int
    records: tuple[LostRecord, ...]
    waiting_in_queue: int
    repaired: int = 0
    failing: tuple[FailedRecord, ...] = ()
    unread: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    uncertain: str | None = None

    @property
    def is_lost(self) -> bool:
        """Records are lost, and not all of them were repaired."""
        return self.repaired < self.lost

    @property
    def ok(self) -> bool:
        """The whole stream was read, its records are accounted for, and none is lost."""
        return not (self.is_lost or self.unread or self.uncertain)


def verify(
    context: Context,
    since: datetime,
    *,
    repair: bool = False,
    confirm: Callable[[VerifyReport], None] = lambda _: None,
    grace: timedelta | None = None,
) -> VerifyReport:
    """Look for the object or the failure of every record. Reads only, unless it repairs.

    Args:
        context: The pipeline.
        since: Check records written at this time or later; the stream has those of the last 24 hours.
        repair: Process the lost records.
        confirm: Called before that with what was found, if anything is lost.
        grace: Younger records are pending; see `progress` for the default.

    Raises:
        DeclinedError: the user said no; nothing was processed.
        PipectlError: a resource is missing, or cannot be read.
    """
    resources = context.require(NEEDS)
    with closing(VerificationIndex()) as index:
        found = _Verification(context, resources, index, since, grace).run()
        if not (repair and found.lost):
            return found
        confirm(found)
        failing = _repair(context, index)
        left = index.count(RecordState.LOST)
        return replace(found, repaired=found.lost - left, failing=tuple(failing[:MOST_LISTED]))


def report_shards(context: Context, read: int, shards: int) -> None:
    """Report how many shards of the stream are read."""
    context.reporter.step(f"reading the stream: {read} of {pluralize(shards, 'shard')} read")


class _Verification:
    def __init__(
        self,
        context: Context,
        resources: dict[str, Observation],
        index: VerificationIndex,
        since: datetime,
        grace: timedelta | None,
    ) -> None:
        self._context = context
        self._table = resources[ResourceKey.ORDERS_TABLE].facts_as(TableFacts)
        self._facts = {key: found.facts for key, found in resources.items()}
        self._queue_url = resources[ResourceKey.DEAD_LETTER_QUEUE].facts_as(QueueFacts).url
        self._index = index
        self._since = since
        self._grace = grace
        self._now = context.aws.now()

    def run(self) -> VerifyReport:
        """Read the stream first, then objects and failures, so that objects that are written meanwhile are found."""
        index, step = self._index, self._context.reporter.step
        reading = self._read_stream()
        oldest = index.oldest()
        step("looking for the objects of the records")
        _find_objects(self._context, index)
        step("reading the audit table and the metrics")
        self._find_failures()
        read = progress(self._context, self._facts, self._now, self._grace)
        uncertain = read.stopped or read.unknown
        pending = index.remove_pending(None if uncertain else read.until)
        stored, failed, lost = map(index.count, (RecordState.STORED, RecordState.FAILED, RecordState.LOST))
        return VerifyReport(
            since=self._since,
            oldest=oldest,
            read=stored + failed + lost + pending,
            stored=stored,
            failed=failed,
            pending=pending,
            lost=lost,
            records=tuple(index.lost(MOST_LISTED)),
            waiting_in_queue=sum(count_messages(self._context.aws, self._queue_url)),
            unread=reading.unread,
            assumed=reading.assumed,
            uncertain=uncertain if pending else None,
        )

    def _read_stream(self) -> StreamReading:
        context = self._context
        table, report = context.pipeline.physical.orders_table, partial(report_shards, context)
        reader = TableReader(context.aws, table, self._table, self._now, report=report, cancel=context.cancel)
        return reader.read(self._take)

    def _take(self, shard: Shard, record: Record) -> None:
        is_checked = written_at(record.event) >= self._since and record.is_replayed
        self._index.add(shard, record, RecordState.LOST if is_checked else RecordState.UNCHECKED)

    def _find_failures(self) -> None:
        """Read the failures that may cover records without an object, if there are such records."""
        oldest = self._index.oldest_lost()
        if oldest is None:
            return
        reported = (*UNRESOLVED, ReplayStatus.RESOLVED)  # somebody decided that a resolved one needs no object
        selection = Selection(oldest - CLOCKS_DIFFER, statuses=reported)
        self._context.audit_table.for_each(selection, self._index.mark_failed, self._context.cancel)


def _find_objects(context: Context, index: VerificationIndex) -> None:
    names, config = context.pipeline.physical, context.config.bucket
    find_objects(context.aws, names.bucket, config.prefix, index, context.cancel)


def _repair(context: Context, index: VerificationIndex) -> list[FailedRecord]:
    """Process the lost records, and check that their objects exist."""
    processor = ProcessorClient(context.aws, context.pipeline.physical.processor)
    failing: list[FailedRecord] = []
    done = 0
    size = context.config.stream_mapping.batch_size
    for batch in batches(read_lost(context.record_reader, index), size, lambda record: record.event):
        failing += processor.process([record.event for record in batch])
        done += len(batch)
        context.reporter.note(f"{pluralize(done, 'record')} processed.")
    _find_objects(context, index)
    return sorted(failing, key=lambda each: each.sequence_number)
