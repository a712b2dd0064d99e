"""`replay-dlq`: replay failed records, or save them for later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pipectl.clock import poll
from pipectl.context import Context
from pipectl.errors import AwsError, NoSuchFailureError, SavedFilesError, UnusableIdError
from pipectl.facts import QueueFacts
from pipectl.failures import saved
from pipectl.failures.audit_table import Selection
from pipectl.failures.dead_letter_queue import QueueAudit, audit_messages, count_messages
from pipectl.failures.model import UNRESOLVED, Failure, Reading, Record, StreamRange
from pipectl.failures.outcomes import FailureTally, ReplayReport
from pipectl.failures.processor_client import LONGEST_RETRIES, ProcessorClient
from pipectl.failures.replay import Replay, concerns_all
from pipectl.failures.stream_reader import StreamReader
from pipectl.monitoring.backlog import restore_record_age
from pipectl.resource_keys import ResourceKey

MOST_PREVIEWED = 1000
MOST_SHARDS = 16
"""Shards of which a page is kept while failures are saved."""
AUDITOR_SECONDS = 5.0
"""Seconds that the auditor is given to finish messages in flight."""
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
class Preview:
    """Failures that a replay would process.

    Attributes:
        failures: Their number, at most a thousand.
        more: There are more than that.
        by_status: Their number by replay status.
        by_type: Their number by failure type.
        first_to_expire: The time at which the stream trims the first of their records.
        unreplayable: Number of those that no replay can ever process.
        waiting_in_queue: About how many messages would be audited first.
        in_flight: About how many messages are received by the auditor and not yet audited; a replay does not see them.
    """

    failures: int = 0
    more: bool = False
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_type: Mapping[str, int] = field(default_factory=dict)
    first_to_expire: datetime | None = None
    unreplayable: int = 0
    waiting_in_queue: int = 0
    in_flight: int = 0

    @property
    def is_any(self) -> bool:
        """There is something to replay."""
        return bool(self.failures or self.waiting_in_queue)


@dataclass(frozen=True)
class IncompleteSave:
    """A failure of which not all records are saved, and the reason."""

    audit_id: str
    reason: str


@dataclass(frozen=True)
class SaveReport:
    """Result of saving records.

    Attributes:
        failures: Number of failures that were saved.
        records: Number of their records.
        incomplete: Failures that were not saved, or not with all their records.
        waiting: About how many messages of the queue have no audit item yet, so that they were not saved.
    """

    failures: int
    records: int
    incomplete: tuple[IncompleteSave, ...]
    waiting: int = 0


def preview(context: Context, selection: Selection, *, again: bool = False) -> Preview:
    """Return what a replay would process. Reads only."""
    return _preview(context, _queue(context), _chosen(selection, again=again))


def replay(
    context: Context,
    selection: Selection,
    confirm: Callable[[Preview], None],
    *,
    again: bool = False,
    overwrite: bool = False,
    source: Path | None = None,
) -> ReplayReport:
    """Process failures again and write the outcome to each audit item.

    Args:
        context: The pipeline.
        selection: The failures.
        confirm: Called with what would be processed, if there is anything.
        again: Replay failures that are done, too.
        overwrite: Replace objects that exist.
        source: A folder of saved records to use instead of the stream.
    """
    queue, selection = _queue(context), _chosen(selection, again=again)
    if source:
        selection = _of_folder(selection, source)
    unknown = _unknown(context, selection)
    if unknown and not source:
        raise NoSuchFailureError(unknown)
    found, queued = _preview(context, queue, selection), QueueAudit()
    if not found.is_any:
        queued = _audit_queue(context, queue)
        found = _preview(context, queue, selection) if queued.audited else found
    report = ReplayReport()
    if found.is_any:
        confirm(found)
        queued = queued.plus(_audit_queue(context, queue))
        run = _replay(context, overwrite=overwrite, again=again)
        failures = context.audit_table.find(selection)
        report = run.from_saved(failures, partial(saved.read, source)) if source else run.from_stream(failures)
    report = _with_queue(report, queued)
    if note := restore_record_age(context):
        context.reporter.note(note)
    for audit_id in unknown:
        report = report.with_untried(audit_id, "it is no longer in the audit table; its saved records are kept")
    return replace(report, waiting=report.waiting + found.in_flight)


def save(context: Context, selection: Selection, folder: Path, *, again: bool = False) -> SaveReport:
    """Save the records of failures to files. Changes nothing on AWS."""
    queue = _queue(context)
    waiting = sum(_count_messages(context, queue))
    reader, streams = context.record_reader, dict[tuple[str, str], StreamReader]()
    failures, records, incomplete = 0, 0, list[IncompleteSave]()
    for failure in context.audit_table.find(_chosen(selection, again=again)):
        context.aws.clock.sleep(0)  # raises after Ctrl-C
        where, problem = failure.range, failure.unreplayable(_stream_prefix(context))
        if where and not problem:
            if len(streams) >= MOST_SHARDS:
                streams.clear()
            stream = streams.setdefault((where.stream_arn, where.shard_id), reader.stream(where))
            count, problem = _save(folder, failure, where, reader.read(where, stream))
            failures, records = failures + (count is not None), records + (count or 0)
        if problem:
            incomplete.append(IncompleteSave(failure.audit_id, problem))
        context.reporter.note(f"not saved {failure.audit_id}: {problem}" if problem else f"saved {failure.audit_id}")
    return SaveReport(failures, records, tuple(incomplete), waiting)


def _save(
    folder: Path, failure: Failure, where: StreamRange, readings: Iterator[Reading]
) -> tuple[int | None, str | None]:
    """Write the records of one failure. Return their number, ``None`` without a file, and the problem."""
    tally = FailureTally(failure, where)

    def records() -> Iterator[Record]:
        for reading in readings:
            tally.note(reading)
            if isinstance(reading, Record) and reading.is_replayed:
                yield reading

    try:
        count = saved.write(folder, failure, records())
    except UnusableIdError as error:
        return None, error.message
    except AwsError as error:
        if concerns_all(error):
            raise
        return None, error.message
    return count, tally.outcome().error


def _chosen(selection: Selection, *, again: bool) -> Selection:
    return replace(selection, statuses=() if again else UNRESOLVED)


def _preview(context: Context, queue: QueueFacts, selection: Selection) -> Preview:
    visible, in_flight = _count_messages(context, queue)
    by_status, by_type, unreplayable = Counter[str](), Counter[str](), 0
    first: datetime | None = None
    more = False
    for number, failure in enumerate(context.audit_table.find(selection)):
        if number == MOST_PREVIEWED:
            more = True
            break
        by_status[failure.status] += 1
        by_type[failure.failure_type] += 1
        unreplayable += failure.unreplayable(_stream_prefix(context)) is not None
        first = min((time for time in (first, failure.starts_to_expire) if time), default=None)
    return Preview(by_type.total(), more, by_status, by_type, first, unreplayable, visible, in_flight)


def _of_folder(selection: Selection, folder: Path) -> Selection:
    """Return the failures whose records the folder holds, of any age."""
    there = saved.audit_ids(folder)
    if missing := [audit_id for audit_id in selection.ids if audit_id not in there]:
        raise SavedFilesError(
            f"{folder} holds no records of {', '.join(missing)}", hint="omit --id to replay all that it holds"
        )
    return replace(selection, ids=selection.ids or tuple(there))


def _unknown(context: Context, selection: Selection) -> list[str]:
    """Return ids that no failure has; nothing would happen for them, without a message."""
    table = context.audit_table
    return [audit_id for audit_id in selection.ids if next(table.with_id(audit_id), None) is None]


def _queue(context: Context) -> QueueFacts:
    """Require all resources of a replay, and return the facts of the queue."""
    return context.require(NEEDS)[ResourceKey.DEAD_LETTER_QUEUE].facts_as(QueueFacts)


def _audit_queue(context: Context, queue: QueueFacts) -> QueueAudit:
    """Audit the messages in the queue, also those that its count does not show yet."""
    found = audit_messages(context.aws, queue.url, queue.arn, context.pipeline.physical.auditor)
    if found.audited:
        context.aws.clock.sleep(INDEX_LAG)
    return found


def _with_queue(report: ReplayReport, queued: QueueAudit) -> ReplayReport:
    """Add what was done with the queue; messages that cannot be audited stop no replay."""
    errors = report.errors
    if queued.failed:
        errors = (f"{queued.failed} messages cannot be audited and stay in the queue: {queued.error}", *errors)
    return replace(report, audited=queued.audited, waiting=queued.failed, errors=errors)


def _count_messages(context: Context, queue: QueueFacts) -> tuple[int, int]:
    """Return about how many messages are visible, and in flight after the auditor had a moment to finish them."""
    visible, in_flight = 0, 0
    for _ in poll(context.aws.clock, AUDITOR_SECONDS):
        visible, in_flight = count_messages(context.aws, queue.url)
        if not in_flight:
            break
    return visible, in_flight


def _replay(context: Context, *, overwrite: bool, again: bool) -> Replay:
    def progress(failures: int, records: int) -> None:
        context.reporter.note(f"{failures} failures finished, {records} records processed")

    return Replay(
        context.audit_table,
        context.record_reader,
        ProcessorClient(context.aws, context.pipeline.physical.processor, overwrite=overwrite),
        context.aws.clock,
        stream_prefix=_stream_prefix(context),
        batch_size=context.config.stream_mapping.batch_size,
        claim_seconds=2 * (context.config.processor.timeout + LONGEST_RETRIES),
        again=again,
        progress=progress,
        cancel=context.cancel,
    )


def _stream_prefix(context: Context) -> str:
    """Return the beginning of the ARNs of all streams that the orders table has had."""
    return context.pipeline.names.stream_prefix(context.pipeline.physical.orders_table)
