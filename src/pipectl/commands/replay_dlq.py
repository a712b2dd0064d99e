"""`replay-dlq`: process again what failed for good, or keep its records for later."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from pipectl.context import Context
from pipectl.errors import PipectlError
from pipectl.facts import QueueFacts
from pipectl.failures import saved
from pipectl.failures.invoking import Invoker
from pipectl.failures.model import FAILURE_TYPES, UNRESOLVED, Failure, ReplayStatus
from pipectl.failures.queue import audit_what_waits
from pipectl.failures.ranges import spans
from pipectl.failures.records import Reading, RecordReader
from pipectl.failures.replaying import Replay, ReplayReport, Tools
from pipectl.failures.shard import Shard
from pipectl.failures.tally import Tally
from pipectl.failures.trail import failures_by_id, failures_of_type
from pipectl.resource_keys import ResourceKey

MOST_PREVIEWED = 1000
MOST_SHARDS = 16
"""Shards of which a page is kept while failures are saved."""
INDEX_LAG = 1.0
"""Seconds that the index of the audit table is given to follow its table."""
NEEDS = (
    ResourceKey.ORDERS_TABLE,
    ResourceKey.AUDIT_TABLE,
    ResourceKey.BUCKET,
    ResourceKey.DEAD_LETTER_QUEUE,
    ResourceKey.PROCESSOR,
    ResourceKey.AUDITOR,
)


@dataclass(frozen=True)
class Selection:
    """Which failures: of these types, and of these times or ids. ``again`` takes those that are done, too."""

    since: datetime
    until: datetime
    types: tuple[str, ...] = FAILURE_TYPES
    ids: tuple[str, ...] = ()
    limit: int | None = None
    again: bool = False

    def failures(self, context: Context) -> Iterator[Failure]:
        """The selected failures; of each type the oldest first, for those expire first."""
        found = self._by_id(context) if self.ids else self._by_time(context)
        return found if self.limit is None else islice(found, min(self.limit, sys.maxsize))

    def _by_id(self, context: Context) -> Iterator[Failure]:
        table = context.pipeline.physical.audit_table
        for audit_id in dict.fromkeys(self.ids):
            for failure in failures_by_id(context.aws, table, [audit_id]):
                if failure.failure_type in self.types and (self.again or failure.status in UNRESOLVED):
                    yield failure

    def _by_time(self, context: Context) -> Iterator[Failure]:
        for failure_type in self.types:
            yield from failures_of_type(
                context.aws,
                context.pipeline.physical.audit_table,
                failure_type,
                since=self.since,
                until=self.until,
                statuses=() if self.again else UNRESOLVED,
                newest_first=False,
            )


@dataclass
class Preview:
    """What a replay would take on, counted up to a thousand; ``more`` when there is more."""

    failures: int = 0
    more: bool = False
    by_type: Counter[str] = field(default_factory=Counter)
    first_to_expire: datetime | None = None
    waiting_in_queue: int = 0


@dataclass
class SaveReport:
    """What was kept: failures and records, and those whose records could not all be had any more."""

    failures: int = 0
    records: int = 0
    incomplete: list[str] = field(default_factory=list)


def preview(context: Context, selection: Selection) -> Preview:
    """Look at what a replay would take on. Reads only."""
    return _preview(context, _queue(context), selection)


def _preview(context: Context, queue: QueueFacts, selection: Selection) -> Preview:
    found = Preview(waiting_in_queue=_depth(context, queue))
    for number, failure in enumerate(selection.failures(context)):
        if number == MOST_PREVIEWED:
            found.more = True
            break
        found.failures += 1
        found.by_type[failure.failure_type] += 1
        clocks = [clock for clock in (found.first_to_expire, failure.starts_to_expire) if clock]
        found.first_to_expire = min(clocks, default=None)
    return found


def replay(
    context: Context,
    selection: Selection,
    confirm: Callable[[Preview], None],
    *,
    overwrite: bool = False,
    source: Path | None = None,
) -> ReplayReport:
    """Process failures again and write on each audit item what came of it.

    Args:
        context: The pipeline.
        selection: Which failures.
        confirm: Asked with what would be taken on, if there is anything.
        overwrite: Replace objects that are there already.
        source: A folder of saved records to take them from, instead of the stream.
    """
    queue = _queue(context)
    if source:
        selection = _of_folder(selection, source)
    unknown = _unknown(context, selection)
    if unknown and not source:
        raise PipectlError(f"there is no failure {', '.join(unknown)}", hint="`pipectl audit list` names them")
    found = _preview(context, queue, selection)
    report, audited = ReplayReport(), 0
    if found.failures or found.waiting_in_queue:
        confirm(found)
        audited = _drain(context, queue)
        run = Replay(_tools(context, selection, overwrite))
        failures = selection.failures(context)
        report = run.from_records(failures, partial(saved.read, source)) if source else run.from_stream(failures)
    for audit_id in unknown:
        report.give_up(audit_id, "it is not in the audit table any more; its saved records are kept")
    report.audited = audited
    return report


def save(context: Context, selection: Selection, folder: Path) -> SaveReport:
    """Keep the records of failures in files. Changes nothing on AWS."""
    context.require(NEEDS)
    reader, report, shards = _reader(context), SaveReport(), dict[tuple[str, str], Shard]()
    streams = f"{context.pipeline.names.table_arn(context.pipeline.physical.orders_table)}/stream/"
    for failure in selection.failures(context):
        context.aws.clock.sleep(0)  # raises once the user has pressed Ctrl-C
        where = failure.range
        if where is None or not where.stream_arn.startswith(streams):
            report.incomplete.append(failure.audit_id)
            continue
        (span,) = spans([(where, failure)])
        if len(shards) >= MOST_SHARDS:
            shards.clear()
        shard = shards.setdefault((span.stream_arn, span.shard_id), reader.shard(span))
        reading = Reading()
        report.records += saved.write(folder, failure, reader.read(span, reading, shard))
        report.failures += 1
        if Tally(failure, where).outcome(reading).status is not ReplayStatus.REPLAYED:
            report.incomplete.append(failure.audit_id)
        context.reporter.note(f"saved {failure.audit_id}")
    return report


def _of_folder(selection: Selection, folder: Path) -> Selection:
    """The failures that the folder has records of, however old they are."""
    there = saved.audit_ids(folder)
    if missing := [audit_id for audit_id in selection.ids if audit_id not in there]:
        raise PipectlError(
            f"{folder} holds nothing of {', '.join(missing)}", hint="leave --id out to replay what it has"
        )
    return replace(selection, ids=selection.ids or tuple(there))


def _unknown(context: Context, selection: Selection) -> list[str]:
    """Ids that no failure has: nothing would happen, and nobody would be told."""

    def known(audit_id: str) -> bool:
        return any(True for _ in failures_by_id(context.aws, context.pipeline.physical.audit_table, [audit_id]))

    return [audit_id for audit_id in selection.ids if not known(audit_id)]


def _queue(context: Context) -> QueueFacts:
    """Require all that a replay works with, and return the queue's facts."""
    return context.require(NEEDS)[ResourceKey.DEAD_LETTER_QUEUE].facts_as(QueueFacts)


def _drain(context: Context, queue: QueueFacts) -> int:
    """Audit what waits in the queue; how many messages there were."""
    if not _depth(context, queue):
        return 0
    audited = audit_what_waits(context.aws, queue.url, queue.arn, context.pipeline.physical.auditor)
    context.aws.clock.sleep(INDEX_LAG)
    return audited


def _tools(context: Context, selection: Selection, overwrite: bool) -> Tools:
    names, timeout = context.pipeline.physical, context.config.processor.timeout

    def progress(failures: int, records: int) -> None:
        context.reporter.note(f"{failures} failures done, {records} records through")

    return Tools(
        aws=context.aws,
        audit_table=names.audit_table,
        table_arn=context.pipeline.names.table_arn(names.orders_table),
        reader=_reader(context),
        invoker=Invoker(context.aws, names.processor, overwrite=overwrite),
        chunk=context.config.stream_mapping.batch_size,
        claim_seconds=timeout + 60,
        again=selection.again,
        progress=progress,
        cancel=context.cancel,
    )


def _reader(context: Context) -> RecordReader:
    return RecordReader(context.aws, context.pipeline.physical.bucket, context.config.bucket.failed_prefix)


def _depth(context: Context, queue: QueueFacts) -> int:
    answer = context.aws.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
