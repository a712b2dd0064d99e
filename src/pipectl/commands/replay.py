"""`replay-dlq`: process again what failed for good, and say of each failure what came of it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from pipectl.commands.context import Context
from pipectl.engine.walk import walk
from pipectl.errors import PipectlError
from pipectl.failures.invoking import Failing, Invoker, chunks
from pipectl.failures.model import UNRESOLVED, Failure, ReplayStatus, StreamRange
from pipectl.failures.ranges import Span, spans
from pipectl.failures.records import Reading, RecordReader
from pipectl.failures.trail import Outcome, Trail, failures_by_id, failures_of_type
from pipectl.stream_records import sequence_number

BATCH = 500
"""Failures that are claimed, put together and replayed at once; memory does not grow beyond it."""
PARALLEL = 8
LOOK_BACK = timedelta(hours=48)


@dataclass(frozen=True)
class Selection:
    """Which failures. Without ``since`` those of the last 48 hours; ``ids`` wins over times and types."""

    types: tuple[str, ...]
    since: datetime
    until: datetime
    ids: tuple[str, ...] = ()
    limit: int | None = None
    again: bool = False

    def failures(self, context: Context) -> Iterator[Failure]:
        """The selected failures, of each type the oldest first, for those expire first."""
        found = self._by_id(context) if self.ids else self._by_time(context)
        return islice(found, self.limit)

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
class ReplayReport:
    """What came of it: failures by status, records, and who still fails."""

    statuses: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    failing: list[Failing] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    claimed_elsewhere: int = 0
    audited: int = 0

    def add(self, outcome: Outcome) -> None:
        self.statuses[outcome.status] += 1
        self.expired += outcome.expired
        if outcome.error:
            self.errors.append(outcome.error)

    @property
    def left(self) -> int:
        """Failures that still wait, or are beyond help."""
        unresolved = sum(self.statuses[status] for status in (*UNRESOLVED, ReplayStatus.EXPIRED))
        return unresolved + self.claimed_elsewhere


class Replay:
    """One run of `replay-dlq`.

    Args:
        context: The pipeline.
        selection: Which failures.
        overwrite: Replace objects that are there already.
    """

    def __init__(self, context: Context, selection: Selection, *, overwrite: bool = False) -> None:
        names, config = context.pipeline.physical, context.config
        self._context = context
        self._selection = selection
        self._chunk = config.stream_mapping.batch_size
        self._table_arn = context.pipeline.names.table_arn(names.orders_table)
        self._reader = RecordReader(context.aws, names.bucket, config.bucket.failed_prefix)
        self._invoker = Invoker(context.aws, names.processor, overwrite=overwrite)
        seconds = config.processor.timeout + 60
        self._trail = Trail(context.aws, names.audit_table, owner=uuid.uuid4().hex, seconds=seconds)
        self._renew_after = seconds / 2
        self.report = ReplayReport()

    def run(self) -> ReplayReport:
        """Replay all of the selection, batch by batch."""
        selected = self._selection.failures(self._context)
        while batch := list(islice(selected, BATCH)):
            self._batch(batch)
        return self.report

    def _batch(self, batch: Sequence[Failure]) -> None:
        claimed: list[Failure] = []
        try:
            with ThreadPoolExecutor(PARALLEL) as pool:
                taken = pool.map(lambda failure: self._trail.claim(failure, again=self._selection.again), batch)
                claimed += [failure for failure, mine in zip(batch, taken, strict=True) if mine]
            self.report.claimed_elsewhere += len(batch) - len(claimed)
            located = list(self._locate(claimed))
            merged = {f"{number}": span for number, span in enumerate(spans(located))}
            walked = walk(dict.fromkeys(merged, ()), lambda key: self._span(merged[key]), workers=PARALLEL)
        except (KeyboardInterrupt, PipectlError):
            self._release(claimed)
            raise
        for error in walked.failed.values():
            self._release(claimed)
            raise error

    def _release(self, claimed: Iterable[Failure]) -> None:
        """Give back what is not settled; settled failures have lost their claim already."""
        for failure in claimed:
            try:
                self._trail.release(failure)
            except PipectlError:
                return  # the claims run out by themselves

    def _locate(self, claimed: Iterable[Failure]) -> Iterator[tuple[StreamRange, Failure]]:
        """Where the records of each failure are; what cannot be located is settled at once."""
        for failure in claimed:
            where = failure.range
            if where is None:
                self._settle(failure, _unreplayable("its message does not say where its records are"))
            elif not where.stream_arn.startswith(f"{self._table_arn}/stream/"):
                self._settle(failure, _unreplayable(f"its records are in another stream: {where.stream_arn}"))
            else:
                yield where, failure

    def _span(self, span: Span) -> None:
        """Read one stretch, process it in chunks, and settle the failures in it."""
        reading = Reading()
        tallies = [_Tally(where, failure) for where, failure in span.failures]
        renewed = self._context.aws.clock.monotonic()
        for chunk in chunks(self._reader.read(span, reading), self._chunk):
            if self._context.aws.clock.monotonic() - renewed > self._renew_after:
                for tally in tallies:
                    self._trail.claim(tally.failure, again=self._selection.again)
                renewed = self._context.aws.clock.monotonic()
            failing = {each.sequence_number: each for each in self._invoker.replay(chunk)}
            self.report.replayed += len(chunk) - len(failing)
            self.report.failing += failing.values()
            for record in chunk:
                number = sequence_number(record)
                for tally in tallies:
                    tally.count(number, failing.get(number))
        for tally in tallies:
            self._settle(tally.failure, tally.outcome(reading))

    def _settle(self, failure: Failure, outcome: Outcome) -> None:
        self._trail.settle(failure, outcome)
        self.report.add(outcome)


class _Tally:
    """Counts, of the records of a stretch, those in the range of one failure."""

    def __init__(self, where: StreamRange, failure: Failure) -> None:
        self.failure = failure
        self._where = where
        self._replayed = 0
        self._failing: list[Failing] = []
        self._missing = {where.first, where.last}

    def count(self, number: int, failing: Failing | None) -> None:
        if self._where.first <= number <= self._where.last:
            self._missing.discard(number)
            if failing:
                self._failing.append(failing)
            else:
                self._replayed += 1

    def outcome(self, reading: Reading) -> Outcome:
        """Both ends of a range are records that failed or stood beside one, so they have to have come."""
        failing, missing = tuple(self._failing), sorted(self._missing)
        expired = tuple(number for number in missing if reading.forgot(number))
        unread = [number for number in missing if number not in expired]
        error = None
        if unread:
            status = ReplayStatus.PARTIAL if self._replayed else ReplayStatus.FAILED
            error = f"the stream did not give records {', '.join(map(str, unread))}; try again"
        elif failing:
            status = ReplayStatus.PARTIAL if self._replayed else ReplayStatus.FAILED
        elif expired:
            status = ReplayStatus.EXPIRED
            error = f"records {', '.join(map(str, expired))} are neither in the stream nor in the quarantine any more"
        else:
            status = ReplayStatus.REPLAYED
        return Outcome(status, self._replayed, failing, expired, error)


def _unreplayable(why: str) -> Outcome:
    return Outcome(ReplayStatus.FAILED, error=why)
