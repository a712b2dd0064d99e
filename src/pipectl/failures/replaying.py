"""The replay itself: claim failures, get their records, process them again, settle each failure."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from pipectl.aws import Aws
from pipectl.engine.walk import walk
from pipectl.errors import PipectlError
from pipectl.failures.invoking import Failing, Invoker, chunks
from pipectl.failures.model import UNRESOLVED, Failure, ReplayStatus, StreamRange
from pipectl.failures.ranges import Span, spans
from pipectl.failures.records import Reading, RecordReader
from pipectl.failures.trail import Outcome, Trail
from pipectl.stream_records import EventRecord, sequence_number

BATCH = 500
"""Failures that are claimed, put together and replayed at once; memory does not grow beyond it."""
PARALLEL = 8
MOST_NAMED = 1000
"""Records and errors that a report names; it counts them all."""


@dataclass
class ReplayReport:
    """What came of it: failures by status, records, and who still fails."""

    statuses: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    still_failing: int = 0
    failing: list[Failing] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    claimed_elsewhere: int = 0
    audited: int = 0

    def add(self, failure: Failure, outcome: Outcome) -> None:
        self.statuses[outcome.status] += 1
        self.expired += outcome.expired
        if outcome.error:
            self.errors.append(f"{failure.audit_id}: {outcome.error}")

    def merge(self, part: ReplayReport) -> None:
        self.statuses += part.statuses
        self.replayed += part.replayed
        self.still_failing += part.still_failing
        self.failing = (self.failing + part.failing)[:MOST_NAMED]
        self.expired = (self.expired + part.expired)[:MOST_NAMED]
        self.errors = (self.errors + part.errors)[:MOST_NAMED]

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    @property
    def left(self) -> int:
        """Failures that still wait, or are beyond help."""
        unresolved = sum(self.statuses[status] for status in (*UNRESOLVED, ReplayStatus.EXPIRED))
        return unresolved + self.claimed_elsewhere


@dataclass(frozen=True)
class Tools:
    """What a replay works with.

    Args:
        aws: Where everything is.
        audit_table: Its physical name.
        table_arn: Of the table whose streams are ours.
        reader: Gets records back.
        invoker: Processes them.
        chunk: The most records of one invocation.
        claim_seconds: How long a claim holds; longer than one invocation.
        again: Take failures that are done, too.
        progress: Called with each batch's report so far.
        cancel: Tells what is under way to hurry.
    """

    aws: Aws
    audit_table: str
    table_arn: str
    reader: RecordReader
    invoker: Invoker
    chunk: int
    claim_seconds: float
    again: bool = False
    progress: Callable[[ReplayReport], None] = lambda _: None
    cancel: Callable[[], None] = lambda: None


class Replay:
    """One run over many failures. It can be interrupted at any call: claims run out, what is done is written."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._trail = Trail(tools.aws, tools.audit_table, owner=uuid.uuid4().hex, seconds=tools.claim_seconds)
        self.report = ReplayReport()

    def from_stream(self, failures: Iterator[Failure]) -> ReplayReport:
        """Replay failures, batch by batch; overlapping ones are read once."""
        while batch := list(islice(failures, BATCH)):
            self._batch(batch, self._spans)
        return self.report

    def from_records(
        self, failures: Iterator[Failure], records: Callable[[Failure], Iterator[EventRecord]]
    ) -> ReplayReport:
        """Replay failures whose records are at hand."""

        def one_by_one(claimed: Sequence[Failure]) -> list[Callable[[], ReplayReport]]:
            return [lambda failure=failure: self._process(records(failure), [_Tally(failure)]) for failure in claimed]  # type: ignore[misc]

        while batch := list(islice(failures, BATCH)):
            self._batch(batch, one_by_one)
        return self.report

    def _batch(
        self, batch: Sequence[Failure], work_of: Callable[[Sequence[Failure]], list[Callable[[], ReplayReport]]]
    ) -> None:
        claimed: list[Failure] = []
        try:
            with ThreadPoolExecutor(PARALLEL) as pool:
                for failure, mine in zip(batch, pool.map(self._claim, batch), strict=True):
                    if mine:
                        claimed.append(failure)
            self.report.claimed_elsewhere += len(batch) - len(claimed)
            work = {str(number): act for number, act in enumerate(work_of(claimed))}
            walked = walk(dict.fromkeys(work, ()), lambda key: work[key](), cancel=self._tools.cancel, workers=PARALLEL)
        except BaseException:
            self._release(claimed)
            raise
        for part in walked.done.values():
            self.report.merge(part)
        for error in walked.failed.values():
            self._release(claimed)
            raise error
        self._tools.progress(self.report)

    def _claim(self, failure: Failure) -> bool:
        return self._trail.claim(failure, again=self._tools.again)

    def _release(self, claimed: Iterable[Failure]) -> None:
        """Give back what is not settled; what is has lost its claim already."""
        for failure in claimed:
            try:
                self._trail.release(failure)
            except PipectlError:
                return  # the claims run out by themselves

    def _spans(self, claimed: Sequence[Failure]) -> list[Callable[[], ReplayReport]]:
        """The work that a batch is: one piece per stretch of a shard. What cannot be located is settled at once."""
        located: list[tuple[StreamRange, Failure]] = []
        for failure in claimed:
            where = failure.range
            if where is None:
                self._unreplayable(failure, "its message does not say where its records are")
            elif not where.stream_arn.startswith(f"{self._tools.table_arn}/stream/"):
                self._unreplayable(failure, f"its records are in another stream: {where.stream_arn}")
            else:
                located.append((where, failure))
        return [lambda span=span: self._span(span) for span in spans(located)]  # type: ignore[misc]

    def _unreplayable(self, failure: Failure, why: str) -> None:
        outcome = Outcome(ReplayStatus.FAILED, error=why)
        self._trail.settle(failure, outcome)
        self.report.add(failure, outcome)

    def _span(self, span: Span) -> ReplayReport:
        reading = Reading()
        tallies = [_Tally(failure, where) for where, failure in span.failures]
        return self._process(self._tools.reader.read(span, reading), tallies, reading)

    def _process(
        self, records: Iterator[EventRecord], tallies: Sequence[_Tally], reading: Reading | None = None
    ) -> ReplayReport:
        """Give records to the processor in chunks, and settle the failures that they belong to."""
        report, clock = ReplayReport(), self._tools.aws.clock
        renewed = clock.monotonic()
        for chunk in chunks(records, self._tools.chunk):
            if clock.monotonic() - renewed > self._tools.claim_seconds / 2:
                renewed = clock.monotonic()
                for tally in tallies:
                    self._claim(tally.failure)
            failing = {each.sequence_number: each for each in self._tools.invoker.replay(chunk)}
            report.replayed += len(chunk) - len(failing)
            report.still_failing += len(failing)
            report.failing += failing.values()
            for number in map(sequence_number, chunk):
                for tally in tallies:
                    tally.count(number, failing.get(number))
        for tally in tallies:
            outcome = tally.outcome(reading or Reading(complete=True))
            self._trail.settle(tally.failure, outcome)
            report.add(tally.failure, outcome)
        return report


class _Tally:
    """Counts the records of one failure: those in its range, or, with no range, all."""

    def __init__(self, failure: Failure, where: StreamRange | None = None) -> None:
        self.failure = failure
        self._where = where
        self._replayed = 0
        self._failing: list[Failing] = []
        self._missing = {where.first, where.last} if where else set()

    def count(self, number: int, failing: Failing | None) -> None:
        if self._where and not self._where.first <= number <= self._where.last:
            return
        self._missing.discard(number)
        if failing:
            self._failing.append(failing)
        else:
            self._replayed += 1

    def outcome(self, reading: Reading) -> Outcome:
        """Both ends of a range are records that were given up, so they have to have come."""
        expired = tuple(sorted(number for number in self._missing if reading.forgot(number)))
        unread = sorted(self._missing.difference(expired))
        status, error = ReplayStatus.REPLAYED, None
        if unread or self._failing:
            status = ReplayStatus.PARTIAL if self._replayed else ReplayStatus.FAILED
        elif expired:
            status = ReplayStatus.EXPIRED
            error = f"neither the stream nor the quarantine has {_listed(expired)} any more"
        if unread:
            error = f"the stream did not give {_listed(unread)}: try again"
        return Outcome(status, self._replayed, tuple(self._failing), expired, error)


def _listed(numbers: Sequence[int]) -> str:
    return f"record {', '.join(map(str, numbers))}"
