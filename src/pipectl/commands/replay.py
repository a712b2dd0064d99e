"""`replay-dlq`: process again what failed for good, or keep its records for later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from pipectl.commands.context import Context
from pipectl.engine.model import Facts
from pipectl.failures import saved
from pipectl.failures.invoking import Invoker
from pipectl.failures.model import FAILURE_TYPES, UNRESOLVED, Failure
from pipectl.failures.queue import audit_what_waits
from pipectl.failures.ranges import spans
from pipectl.failures.records import Reading, RecordReader
from pipectl.failures.replaying import Replay, ReplayReport, Tools
from pipectl.failures.trail import failures_by_id, failures_of_type

MOST_PREVIEWED = 1000
NEEDS = ("orders-table", "audit-table", "bucket", "dead-letter-queue", "processor", "auditor")


@dataclass(frozen=True)
class Selection:
    """Which failures: of these types and times, or of these ids. ``again`` takes those that are done, too."""

    since: datetime
    until: datetime
    types: tuple[str, ...] = FAILURE_TYPES
    ids: tuple[str, ...] = ()
    limit: int | None = None
    again: bool = False

    def failures(self, context: Context) -> Iterator[Failure]:
        """The selected failures; of each type the oldest first, for those expire first."""
        return islice(self._by_id(context) if self.ids else self._by_time(context), self.limit)

    def _by_id(self, context: Context) -> Iterator[Failure]:
        for failure in failures_by_id(context.aws, context.pipeline.physical.audit_table, self.ids):
            if self.again or failure.status in UNRESOLVED:
                yield failure

    def _by_time(self, context: Context) -> Iterator[Failure]:
        for failure_type in self.types:
            yield from failures_of_type(
                context.aws,
                context.pipeline.physical.audit_table,
                failure_type,
                since=self.since,
                until=self.until,
                statuses=UNRESOLVED,
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
    facts = context.require(NEEDS)
    found = Preview(waiting_in_queue=_depth(context, facts))
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
    facts = context.require(NEEDS)
    audited = 0
    if _depth(context, facts):
        names, queue = context.pipeline.physical, facts["dead-letter-queue"]
        audited = audit_what_waits(
            context.aws, queue["url"], context.pipeline.names.queue_arn(names.queue), names.auditor
        )
    found = preview(context, selection)
    if not found.failures:
        return ReplayReport(audited=audited)
    confirm(found)
    run = Replay(_tools(context, selection, overwrite))
    if source:
        folder = source
        report = run.from_records(selection.failures(context), lambda failure: saved.read(folder, failure.audit_id))
    else:
        report = run.from_stream(selection.failures(context))
    report.audited = audited
    return report


def save(context: Context, selection: Selection, folder: Path) -> SaveReport:
    """Keep the records of failures in files. Changes nothing on AWS."""
    context.require(NEEDS)
    reader, report = _reader(context), SaveReport()
    for failure in selection.failures(context):
        where = failure.range
        if where is None:
            report.incomplete.append(failure.audit_id)
            continue
        (span,) = spans([(where, failure)])
        reading = Reading()
        report.records += saved.write(folder, failure, reader.read(span, reading))
        report.failures += 1
        if reading.gaps or not reading.complete:
            report.incomplete.append(failure.audit_id)
        context.reporter.note(f"saved {failure.audit_id}")
    return report


def _tools(context: Context, selection: Selection, overwrite: bool) -> Tools:
    names, timeout = context.pipeline.physical, context.config.processor.timeout

    def progress(report: ReplayReport) -> None:
        context.reporter.note(f"{report.total} failures done, {report.replayed} records through")

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


def _depth(context: Context, facts: dict[str, Facts]) -> int:
    answer = context.aws.sqs.get_queue_attributes(
        QueueUrl=facts["dead-letter-queue"]["url"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
