"""The replay itself: claim failures, get their records, process them again, settle each failure."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from threading import Lock, Semaphore

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord
from pipectl.engine.parallel import Results, parallel_map
from pipectl.errors import CancelledError
from pipectl.failures.claims import PARALLEL, Claims, Whose
from pipectl.failures.invoking import Invoker
from pipectl.failures.line import Line, Work, Workers
from pipectl.failures.model import Failure, StreamRange
from pipectl.failures.ranges import Span, spans
from pipectl.failures.records import Reading, RecordReader
from pipectl.failures.report import ReplayReport
from pipectl.failures.tally import Tally
from pipectl.failures.trail import Trail

__all__ = ["Replay", "ReplayReport", "Tools"]

BATCH = 500
"""Failures that are claimed, put together and replayed at once; memory does not grow beyond it."""
_TELL_EVERY = 1.0
_HINT = "nothing is lost: what is done is written down, and the same command goes on from here"


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
        progress: Called every now and then with the number of failures done and of records through so far.
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
    progress: Callable[[int, int], None] = lambda _failures, _records: None
    cancel: Callable[[], None] = lambda: None


class Replay:
    """One run over many failures. It can be interrupted at any call: claims run out, what is done is written."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        trail = Trail(tools.aws, tools.audit_table, owner=uuid.uuid4().hex, seconds=tools.claim_seconds)
        self._claims = Claims(trail, tools.aws.clock, tools.claim_seconds)
        self.report = ReplayReport()
        self._telling = Lock()
        self._told = tools.aws.clock.monotonic()

    def from_stream(self, failures: Iterator[Failure]) -> ReplayReport:
        """Replay failures, batch by batch; overlapping ones are read once, and a shard by one reader alone."""
        return self._batches(failures, self._of_stream)

    def from_records(
        self, failures: Iterator[Failure], records: Callable[[Failure, Reading], Iterator[EventRecord]]
    ) -> ReplayReport:
        """Replay failures whose records are at hand."""

        def works(claimed: Sequence[Failure]) -> dict[str, list[Work]]:
            return {"saved": [Work([Tally(each, each.range)], partial(records, each)) for each in claimed]}

        return self._batches(failures, works)

    def _batches(
        self, failures: Iterator[Failure], works_of: Callable[[Sequence[Failure]], dict[str, list[Work]]]
    ) -> ReplayReport:
        while batch := list(islice(failures, BATCH)):
            try:
                self._batch(batch, works_of)
            except BaseException:
                self._claims.release(batch)
                raise
        return self.report

    def _batch(self, batch: Sequence[Failure], works_of: Callable[[Sequence[Failure]], dict[str, list[Work]]]) -> None:
        tools = self._tools
        works = works_of(self._claim(batch))
        with ThreadPoolExecutor(PARALLEL) as pool:
            lines: dict[str, Line] = {}
            workers = Workers(
                invoker=tools.invoker,
                claims=self._claims,
                clock=tools.aws.clock,
                pool=pool,
                room=Semaphore(PARALLEL),
                chunk=tools.chunk,
                progress=lambda: self._tell(lines.values()),
            )
            lines |= {name: Line(workers) for name in works}
            walked = parallel_map(
                lambda name: lines[name].run(works[name]), works, cancel=tools.cancel, workers=PARALLEL
            )
        for line in lines.values():
            self.report.merge(line.report)
        self._raise_what_went_wrong(walked)

    def _claim(self, batch: Sequence[Failure]) -> list[Failure]:
        def take(share: Sequence[Failure]) -> list[Whose]:
            whose = []
            for failure in share:
                self._tools.aws.clock.sleep(0)  # raises once the user has pressed Ctrl-C
                whose.append(self._claims.take(failure, again=self._tools.again))
            return whose

        different = list({(each.audit_id, each.timestamp): each for each in batch}.values())
        shares = [different[start::PARALLEL] for start in range(PARALLEL)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                whose = [each for of_share in pool.map(take, shares) for each in of_share]
            except KeyboardInterrupt:
                self._tools.cancel()
                raise
        self.report.claimed_elsewhere += whose.count(Whose.CLAIMED_ELSEWHERE)
        return [failure for failure in different if self._claims.holds(failure)]

    def _tell(self, lines: Collection[Line]) -> None:
        now = self._tools.aws.clock.monotonic()
        with self._telling:
            if now - self._told < _TELL_EVERY:
                return
            self._told = now
        settled = self.report.total + sum(line.settled for line in lines)
        self._tools.progress(settled, self.report.replayed + sum(line.report.replayed for line in lines))

    def _raise_what_went_wrong(self, walked: Results[None]) -> None:
        if walked.interrupted or any(isinstance(error, CancelledError) for error in walked.failed.values()):
            raise CancelledError(f"interrupted: {self.report.total} failures done", hint=_HINT)
        for error in walked.failed.values():
            error.hint = f"{error.hint}; {_HINT}" if error.hint else _HINT
            raise error

    def _of_stream(self, claimed: Sequence[Failure]) -> dict[str, list[Work]]:
        """The works of each shard. What cannot be located is a work with nothing but the reason."""
        located: list[tuple[StreamRange, Failure]] = []
        lost: list[Work] = []
        for failure in claimed:
            where = failure.range
            if where is None:
                lost.append(_unreplayable(failure, "its message does not say where its records are"))
            elif not where.stream_arn.startswith(f"{self._tools.table_arn}/stream/"):
                lost.append(_unreplayable(failure, f"its records are in another stream: {where.stream_arn}"))
            else:
                located.append((where, failure))
        works = {
            f"{stream_arn.partition('/stream/')[2]}/{shard_id}": self._of_shard(list(of_shard))
            for (stream_arn, shard_id), of_shard in groupby(spans(located), lambda s: (s.stream_arn, s.shard_id))
        }
        return {**works, "unreplayable": lost} if lost else works

    def _of_shard(self, of_shard: Sequence[Span]) -> list[Work]:
        reader, shard = self._tools.reader, self._tools.reader.shard(of_shard[0])
        return [
            Work(
                [Tally(failure, where) for where, failure in span.failures],
                lambda reading, span=span: reader.read(span, reading, shard),  # type: ignore[misc]
            )
            for span in of_shard
        ]


def _unreplayable(failure: Failure, why: str) -> Work:
    return Work([Tally(failure)], lambda _: iter(()), error=why)
