"""`replay-dlq`: replay failed records, or save them for later."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from pipectl.clock import poll
from pipectl.context import Bar, Context
from pipectl.errors import AwsError
from pipectl.facts import FunctionFacts, QueueFacts, TableFacts
from pipectl.failures import saved
from pipectl.failures.audit_table import Selection
from pipectl.failures.choice import Choice, choose
from pipectl.failures.dead_letter_queue import QueueAudit, audit_messages, count_messages
from pipectl.failures.errors import UnusableIdError
from pipectl.failures.explanation import MOST_EXPLAINED, Explained, Explanation
from pipectl.failures.model import Failure, Reading, Record, StreamRange
from pipectl.failures.outcomes import DoneFailure, FailureTally, ReplayReport
from pipectl.failures.processor_client import LONGEST_RETRIES, ProcessorClient
from pipectl.failures.rate import Rate
from pipectl.failures.replay import FAILURES_AT_ONCE, Replay, concerns_all
from pipectl.failures.replay_preview import MOST_COUNTED, Counts, ProcessorVersions, RecordPlaces
from pipectl.failures.stream_reader import StreamReader
from pipectl.failures.suspect_deploy import SuspectDeploy, suspect_deploy
from pipectl.failures.unresolved import gap
from pipectl.monitoring.backlog import restore_record_age
from pipectl.resource_keys import ResourceKey

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
        at: The time of the preview.
        failures: Their number, at most ten thousand.
        more: There are more than that.
        by_status: Their number by replay status.
        by_type: Their number by failure type.
        explained: Orders and reasons of the first of them.
        places: The places of the records of those that are explained.
        versions: The versions of the processor that failed on those that are explained.
        deploy: The deployment with which all failures began, if they did.
        records: About how many records they have; ``None`` if unknown.
        first_to_expire: The time at which the stream trims the first of their records.
        unreplayable: Number of those that no replay can ever process; with a limit they are not among `failures`.
        claimed: Number of those that a running replay has claimed.
        beyond: Number of unresolved failures that the limit leaves out.
        done: Failures that were chosen by their id, and that need no replay.
        missing: Ids of saved failures that the audit table no longer has.
        waiting_in_queue: About how many messages would be audited first.
        in_flight: About how many messages are received by the auditor and not yet audited; a replay does not see them.
        source: The folder of saved records that are used instead of the stream.
    """

    at: datetime
    failures: int = 0
    more: bool = False
    by_status: Mapping[str, int] = field(default_factory=dict)
    by_type: Mapping[str, int] = field(default_factory=dict)
    explained: Explained = field(default_factory=lambda: Explained(()))
    places: RecordPlaces = field(default_factory=RecordPlaces)
    versions: ProcessorVersions = field(default_factory=ProcessorVersions)
    deploy: SuspectDeploy | None = None
    records: int | None = 0
    first_to_expire: datetime | None = None
    unreplayable: int = 0
    claimed: int = 0
    beyond: int = 0
    done: tuple[DoneFailure, ...] = ()
    missing: tuple[str, ...] = ()
    waiting_in_queue: int = 0
    in_flight: int = 0
    source: Path | None = None

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


def preview(context: Context, selection: Selection, *, again: bool = False, source: Path | None = None) -> Preview:
    """Return what a replay would process. Reads only; see `replay` for the arguments and errors."""
    queue, processor, audit = _require(context)
    choice = choose(context.audit_table, selection, again=again, source=source)
    found = _preview(context, queue, processor, choice)
    _note_gap(context, choice.selection, audit)
    return found


def replay(
    context: Context,
    selection: Selection,
    confirm: Callable[[Preview], None],
    *,
    again: bool = False,
    overwrite: bool = False,
    source: Path | None = None,
    rate: int | None = None,
) -> ReplayReport:
    """Process failures again and write the outcome to each audit item.

    Args:
        context: The pipeline.
        selection: The failures; an id can be the beginning of one.
        confirm: Called with what would be processed, if there is anything.
        again: Replay failures that are done, too.
        overwrite: Replace objects that exist.
        source: A folder of saved records to use instead of the stream.
        rate: Maximum number of records a second.

    Raises:
        NoSuchFailureError: no failure has one of the ids.
        AmbiguousIdError: several failures have ids that begin with one of the ids.
        SavedFilesError: the folder does not hold the records of one of the ids.
    """
    queue, processor, audit = _require(context)
    choice = choose(context.audit_table, selection, again=again, source=source)
    found, queued = _preview(context, queue, processor, choice), QueueAudit()
    _note_gap(context, choice.selection, audit)
    if not found.is_any:
        queued = _audit_queue(context, queue)
        found = _preview(context, queue, processor, choice) if queued.audited else found
    report = ReplayReport()
    if found.is_any:
        confirm(found)
        audited = _audit_queue(context, queue)
        queued = queued.plus(audited)
        with context.reporter.bar(None if audited.audited else found.records, "record") as bar:
            run = _replay(context, overwrite=overwrite, again=again, live=processor.live_version, rate=rate, bar=bar)
            failures = _chosen(context, choice.selection)
            report = run.from_saved(failures, partial(saved.read, source)) if source else run.from_stream(failures)
    report = _with_queue(report, queued)
    if note := restore_record_age(context):
        context.reporter.note(note)
    for audit_id in choice.missing:
        report = report.with_untried(audit_id, "it is no longer in the audit table; its saved records are kept")
    never = 0 if choice.selection.limit is None else found.unreplayable
    waiting = report.waiting + found.in_flight
    return replace(report, waiting=waiting, done=choice.done, beyond=found.beyond, left_out=never)


def save(context: Context, selection: Selection, folder: Path, *, again: bool = False) -> SaveReport:
    """Save the records of failures to files. Changes nothing on AWS."""
    queue, _, audit = _require(context)
    choice = choose(context.audit_table, selection, again=again)
    waiting = sum(_count_messages(context, queue))
    reader, streams = context.record_reader, dict[tuple[str, str], StreamReader]()
    failures, records, incomplete = 0, 0, list[IncompleteSave]()
    for explanation in _explanations(context, context.audit_table.find(choice.selection)):
        context.aws.clock.sleep(0)  # raises after Ctrl-C
        failure = explanation.failure
        where, problem = failure.range, failure.unreplayable(_stream_prefix(context))
        if where and not problem:
            if len(streams) >= MOST_SHARDS:
                streams.clear()
            stream = streams.setdefault((where.stream_arn, where.shard_id), reader.stream(where))
            count, problem = _save(folder, explanation, where, reader.read(where, stream))
            failures, records = failures + (count is not None), records + (count or 0)
        if problem:
            incomplete.append(IncompleteSave(failure.audit_id, problem))
        context.reporter.note(f"not saved {failure.audit_id}: {problem}" if problem else f"saved {failure.audit_id}")
    _note_gap(context, choice.selection, audit)
    return SaveReport(failures, records, tuple(incomplete), waiting)


def _explanations(context: Context, failures: Iterator[Failure]) -> Iterator[Explanation]:
    while some := list(islice(failures, MOST_EXPLAINED)):
        yield from context.explainer.explain(some).explanations


def _save(
    folder: Path, explanation: Explanation, where: StreamRange, readings: Iterator[Reading]
) -> tuple[int | None, str | None]:
    """Write the records of one failure, with their causes as far as they are known.

    Returns:
        The number of the records, ``None`` without a file, and the problem.
    """
    failure = explanation.failure
    tally, causes = FailureTally(failure, where), {order.number: order.cause for order in explanation.orders}

    def records() -> Iterator[Record]:
        for reading in readings:
            tally.note(reading)
            if isinstance(reading, Record) and reading.is_replayed:
                yield replace(reading, cause=reading.cause or causes.get(reading.number))

    try:
        count = saved.write(folder, failure, records())
    except UnusableIdError as error:
        return None, error.message
    except AwsError as error:
        if concerns_all(error):
            raise
        return None, error.message
    return count, tally.outcome().error


def _preview(context: Context, queue: QueueFacts, processor: FunctionFacts, choice: Choice) -> Preview:
    context.reporter.step("reading unresolved failures")
    visible, in_flight = _count_messages(context, queue)
    counts, now = Counts(_stream_prefix(context), choice.selection.limit), context.aws.now()
    for failure in islice(context.audit_table.find(replace(choice.selection, limit=None)), MOST_COUNTED + 1):
        counts.add(failure, now)
    context.reporter.step("reading orders and reasons")
    explained = context.explainer.explain(counts.first)
    return Preview(
        now,
        counts.by_type.total(),
        counts.more,
        counts.by_status,
        counts.by_type,
        explained,
        RecordPlaces.of(explained.explanations, now),
        ProcessorVersions.of(explained.explanations, processor.live_version),
        suspect_deploy(explained.explanations, processor),
        None if counts.more else counts.records,
        counts.first_to_expire,
        counts.unreplayable,
        counts.claimed,
        counts.beyond,
        choice.done,
        choice.missing,
        visible,
        in_flight,
        choice.source,
    )


def _chosen(context: Context, selection: Selection) -> Iterator[Failure]:
    """Yield the failures to process. A limit does not count those that can never be replayed; they are left out."""
    found = context.audit_table.find(replace(selection, limit=None))
    if selection.limit is None:
        return found
    prefix = _stream_prefix(context)
    replayable = (failure for failure in found if failure.unreplayable(prefix) is None)
    return islice(replayable, min(selection.limit, sys.maxsize))


def _require(context: Context) -> tuple[QueueFacts, FunctionFacts, TableFacts]:
    """Require all resources of a replay. Return the facts of the queue, the processor, and the audit table."""
    found = context.require(NEEDS, whole=[ResourceKey.PROCESSOR])
    processor = found[ResourceKey.PROCESSOR].facts_as(FunctionFacts)
    queue = found[ResourceKey.DEAD_LETTER_QUEUE].facts_as(QueueFacts)
    return queue, processor, found[ResourceKey.AUDIT_TABLE].facts_as(TableFacts)


def _note_gap(context: Context, selection: Selection, audit: TableFacts) -> None:
    """Report that unresolved failures can be missing, where they were chosen at any age."""
    any_age = selection.since is None and not selection.ids
    if any_age and (missing := gap(context.audit_table, audit)):
        context.reporter.note(missing, commands=True)


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


def _replay(context: Context, *, overwrite: bool, again: bool, live: str | None, rate: int | None, bar: Bar) -> Replay:
    clock, batch_size = context.aws.clock, context.config.stream_mapping.batch_size
    claim_seconds = 2 * (context.config.processor.timeout + LONGEST_RETRIES)
    limit = Rate(clock, rate).wait if rate else lambda _records: None
    processor = context.pipeline.physical.processor
    return Replay(
        context.audit_table,
        context.record_reader,
        ProcessorClient(context.aws, processor, overwrite=overwrite, limit=limit),
        clock,
        stream_prefix=_stream_prefix(context),
        batch_size=min(batch_size, rate or batch_size),
        claim_seconds=claim_seconds,
        # No more are claimed than can be processed before the claims expire.
        failures_at_once=min(FAILURES_AT_ONCE, max(1, rate * claim_seconds // 4)) if rate else FAILURES_AT_ONCE,
        version=live,
        again=again,
        progress=bar.advance,
        cancel=context.cancel,
    )


def _stream_prefix(context: Context) -> str:
    """Return the beginning of the ARNs of all streams that the orders table has had."""
    return context.pipeline.names.stream_prefix(context.pipeline.physical.orders_table)
