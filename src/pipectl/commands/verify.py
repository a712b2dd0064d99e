"""`verify`: prove that every record of the stream is stored or known to have failed, and process those that are not.

A failure whose message could not be delivered, or a mapping that was made anew at the wrong place, drops records in
silence. The key of a record's object follows from the record, so what the stream still holds can be looked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pipectl.aws.stream_records import EventRecord, sequence_number
from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.facts import MappingFacts, QueueFacts, TableFacts
from pipectl.failures.invoking import Failing, Invoker, chunks
from pipectl.failures.ledger import Ledger, LostRecord, Settled
from pipectl.failures.model import StreamRange
from pipectl.failures.objects import written_at
from pipectl.failures.ranges import Span
from pipectl.failures.records import REPLAYED_EVENTS, Reading, RecordReader
from pipectl.failures.stream import StreamShard, read_all, shards_of
from pipectl.failures.trail import failures
from pipectl.monitoring.stream_progress import GRACE, progress
from pipectl.resource_keys import ResourceKey

NEEDS = (
    ResourceKey.ORDERS_TABLE,
    ResourceKey.AUDIT_TABLE,
    ResourceKey.BUCKET,
    ResourceKey.DEAD_LETTER_QUEUE,
    ResourceKey.PROCESSOR,
    ResourceKey.STREAM_MAPPING,
)
MOST_NAMED = 1000
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True)
class VerifyReport:
    """What became of the inserts and updates that the stream holds.

    Args:
        since: Records from then on were looked at.
        oldest: The oldest record that the stream still has, of whatever kind; ``None`` when it has none.
        read: How many were looked at; the sum of the next four.
        stored: They have an object.
        failed: They have none, and lie in the range of a failure in the audit trail.
        pending: They have neither, and the mapping may just not have got to them.
        lost: They have neither.
        records: The lost ones by name, the oldest first; a thousand of them.
        waiting_in_queue: Failures that wait for the auditor: some of the lost may be theirs.
        repaired: Lost ones that have an object now.
        failing: Lost ones that the processor was given and that failed, with its error.
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
    failing: tuple[Failing, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is lost, or all of it was repaired."""
        return self.repaired >= self.lost


def verify(
    context: Context,
    since: datetime,
    *,
    repair: bool = False,
    confirm: Callable[[VerifyReport], None] = lambda _: None,
    grace: timedelta = GRACE,
) -> VerifyReport:
    """Look for the object or the failure of every record; reads only, but for a repair.

    Args:
        context: The pipeline.
        since: Look at records from then on; the stream has those of the last 24 hours.
        repair: Give the processor what is lost.
        confirm: Asked before that with what was found, if anything is lost.
        grace: Younger records are pending.

    Raises:
        DeclinedError: the user said no; nothing was processed.
        PipectlError: something needed is not there, or cannot be read.
    """
    resources = context.require(NEEDS)
    with closing(Ledger()) as ledger:
        found = _Verification(context, resources, ledger, since, grace).run()
        if not (repair and found.lost):
            return found
        confirm(found)
        failing = _repair(context, ledger)
        left = ledger.count(Settled.NEITHER)
        return replace(found, repaired=found.lost - left, failing=tuple(failing[:MOST_NAMED]))


class _Verification:
    def __init__(
        self,
        context: Context,
        resources: dict[str, Observation],
        ledger: Ledger,
        since: datetime,
        grace: timedelta,
    ) -> None:
        self._context = context
        self._stream_arn = resources[ResourceKey.ORDERS_TABLE].facts_as(TableFacts).require_stream()
        self._mapping = resources[ResourceKey.STREAM_MAPPING].facts_as(MappingFacts)
        self._queue_url = resources[ResourceKey.DEAD_LETTER_QUEUE].facts_as(QueueFacts).url
        self._ledger = ledger
        self._since = since
        self._grace = grace
        self._now = context.aws.clock.now()
        self._oldest: datetime | None = None
        self._lock = threading.Lock()

    def run(self) -> VerifyReport:
        """The stream first, then what came of it: what is stored meanwhile is found."""
        ledger = self._ledger
        self._read_stream()
        _look_for_objects(self._context, ledger)
        self._look_for_failures()
        pending = self._put_pending_aside()
        stored, failed, lost = (ledger.count(state) for state in (Settled.STORED, Settled.FAILED, Settled.NEITHER))
        return VerifyReport(
            since=self._since,
            oldest=self._oldest,
            read=stored + failed + lost + pending,
            stored=stored,
            failed=failed,
            pending=pending,
            lost=lost,
            records=tuple(ledger.lost(MOST_NAMED)),
            waiting_in_queue=self._depth(),
        )

    def _read_stream(self) -> None:
        context, aws = self._context, self._context.aws
        shards = shards_of(aws, context.pipeline.physical.orders_table, self._stream_arn)
        context.reporter.note(f"reading {len(shards)} shards of the stream")
        read_all(aws, shards, self._now, self._take, context.cancel)

    def _take(self, shard: StreamShard, record: EventRecord) -> None:
        moment = written_at(record)
        with self._lock:
            self._oldest = min(moment, self._oldest or moment)
        if moment >= self._since and record["eventName"] in REPLAYED_EVENTS:
            self._ledger.add(shard, record)

    def _look_for_failures(self) -> None:
        context = self._context
        since, until = self._since - _CLOCKS_DIFFER, self._now + _CLOCKS_DIFFER
        for failure in failures(context.aws, context.pipeline.physical.audit_table, since=since, until=until):
            if where := failure.range:
                self._ledger.found_failure(where)

    def _put_pending_aside(self) -> int:
        """A mapping that reads goes through the stream in order, so it has got to all that is older than its lag."""
        got = progress(self._context, self._mapping, self._now, self._grace)
        return self._ledger.put_aside(got.until, behind_the_last=got.stopped is not None)

    def _depth(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._context.aws.sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=names)
        return sum(int(value) for value in answer["Attributes"].values())


def _look_for_objects(context: Context, ledger: Ledger) -> None:
    """One listing for each day."""
    bucket, prefix = context.pipeline.physical.bucket, context.config.bucket.prefix
    for day in ledger.days():
        folder = f"{prefix}/{day}/"
        context.reporter.note(f"listing s3://{bucket}/{folder}")
        pages = context.aws.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=folder, ExpectedBucketOwner=context.aws.account_id
        )
        for page in pages:
            context.aws.clock.sleep(0)  # which Ctrl-C ends
            ledger.found_objects(day, [entry["Key"].removeprefix(folder) for entry in page.get("Contents", [])])


def _repair(context: Context, ledger: Ledger) -> list[Failing]:
    """Give the processor what is lost, and look again: what it says it stored has to be there."""
    invoker = Invoker(context.aws, context.pipeline.physical.processor)
    failing: list[Failing] = []
    done = 0
    for stretch in ledger.lost_stretches():
        for chunk in chunks(_records(context, ledger, stretch), context.config.stream_mapping.batch_size):
            failing += invoker.replay(chunk)
            done += len(chunk)
            context.reporter.note(f"{done} records processed again")
    _look_for_objects(context, ledger)
    return sorted(failing, key=lambda each: each.sequence_number)


def _records(context: Context, ledger: Ledger, stretch: StreamRange) -> Iterator[EventRecord]:
    """The lost records of a stretch, read once more; what the stream forgot meanwhile may be in the quarantine."""
    reader = RecordReader(context.aws, context.pipeline.physical.bucket, context.config.bucket.failed_prefix)
    span = Span(stretch.stream_arn, stretch.shard_id, stretch.first, stretch.last, stretch.digits)
    for record in reader.read(span, Reading()):
        if ledger.is_lost(stretch, sequence_number(record)):
            yield record
