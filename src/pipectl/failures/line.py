"""A line of works: their records are read in order by one thread, and processed by several at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Semaphore

from pipectl.aws.stream_records import EventRecord, sequence_number
from pipectl.clock import Clock
from pipectl.errors import AwsError, CancelledError, PipectlError
from pipectl.failures.claims import Claims, Whose
from pipectl.failures.invoking import Failing, Invoker, chunks_of
from pipectl.failures.records import Reading
from pipectl.failures.report import ReplayReport
from pipectl.failures.tally import Tally
from pipectl.failures.trail import Outcome

_OF_THE_FAILURE_ITSELF = ("ValidationException", "ParamValidationError")
"""What AWS says to a shard or a sequence number that is none."""


@dataclass
class Work:
    """Failures whose records are read together.

    Args:
        tallies: The failures.
        records: Reads them.
    """

    tallies: list[Tally]
    records: Callable[[Reading], Iterator[EventRecord]]
    reading: Reading = field(default_factory=Reading)
    error: str | None = None
    read: bool = False
    under_way: int = 0

    @property
    def done(self) -> bool:
        return self.read and not self.under_way


@dataclass(frozen=True)
class Workers:
    """What lines share: threads, and room for so many chunks at once, so that memory stays within bounds."""

    invoker: Invoker
    claims: Claims
    clock: Clock
    pool: ThreadPoolExecutor
    room: Semaphore
    chunk: int
    progress: Callable[[], None]


_Piece = tuple[EventRecord, Work]


class Line:
    """Brings works to their end, each settled as soon as the last of its records is answered for.

    Chunks are filled across works: a hundred failures of one record each are one invocation.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self.report = ReplayReport()
        self.settled = 0
        self._chunks: deque[tuple[Future[list[Failing]], list[tuple[int, Work]]]] = deque()
        self._settling: deque[tuple[Tally, Outcome, Future[Whose]]] = deque()

    def run(self, works: Iterable[Work]) -> None:
        """Returns when all are settled.

        Raises:
            PipectlError: something is wrong that is not one failure's own, or the user interrupted.
        """
        try:
            for chunk in chunks_of(self._pieces(works), self._workers.chunk, lambda piece: piece[0]):
                self._send(chunk)
            while self._chunks:
                self._count_oldest()
            while self._settling:
                self._note_oldest()
        except BaseException:
            for future, _ in self._chunks:
                future.cancel()
            raise

    def _pieces(self, works: Iterable[Work]) -> Iterator[_Piece]:
        for work in works:
            work.tallies = self._still_ours(work.tallies)
            if not work.tallies:
                continue
            try:
                for record in work.records(work.reading):
                    work.under_way += 1
                    yield record, work
            except PipectlError as error:
                if isinstance(error, CancelledError) or _concerns_all(error):
                    raise
                work.error = error.message
            work.read = True
            self._settle_if_done(work)

    def _still_ours(self, tallies: Sequence[Tally]) -> list[Tally]:
        """Claims can run out while a work waits for its turn."""
        claims = self._workers.claims
        claims.keep(tally.failure for tally in tallies)
        lost = [tally for tally in tallies if not claims.holds(tally.failure)]
        self.report.claimed_elsewhere += sum(claims.whose(each.failure) is Whose.CLAIMED_ELSEWHERE for each in lost)
        return [tally for tally in tallies if tally not in lost]

    def _send(self, chunk: list[_Piece]) -> None:
        workers, works = self._workers, {id(work): work for _, work in chunk}
        owners = [(sequence_number(record), work) for record, work in chunk]
        failures = [tally.failure for work in works.values() for tally in work.tallies]

        def before_each() -> None:
            workers.clock.sleep(0)  # raises once the user has pressed Ctrl-C
            workers.claims.keep(failures)

        while self._chunks and self._chunks[0][0].done():
            self._count_oldest()
        workers.room.acquire()
        future = workers.pool.submit(workers.invoker.replay, [record for record, _ in chunk], before_each)
        future.add_done_callback(lambda _: workers.room.release())
        self._chunks.append((future, owners))

    def _count_oldest(self) -> None:
        future, owners = self._chunks.popleft()
        failing = {each.sequence_number: each for each in future.result()}
        still = [failing[number] for number, _ in owners if number in failing]
        self.report.count(len(owners) - len(still), still)
        for number, work in owners:
            work.under_way -= 1
            for tally in work.tallies:
                tally.count(number, failing.get(number))
            self._settle_if_done(work)
        self._workers.progress()

    def _settle_if_done(self, work: Work) -> None:
        if not work.done:
            return
        for tally in work.tallies:
            outcome = tally.outcome(work.reading, work.error)
            future = self._workers.pool.submit(self._workers.claims.settle, tally.failure, outcome)
            self._settling.append((tally, outcome, future))
        while self._settling and self._settling[0][2].done():
            self._note_oldest()

    def _note_oldest(self) -> None:
        tally, outcome, future = self._settling.popleft()
        whose = future.result()
        self.settled += 1
        if whose is Whose.OURS:
            self.report.add(tally.failure, outcome)
        else:
            self.report.claimed_elsewhere += whose is Whose.CLAIMED_ELSEWHERE


def _concerns_all(error: PipectlError) -> bool:
    """A message can name a shard or a number that is none; anything else that AWS refuses, it refuses to all."""
    return isinstance(error, AwsError) and error.aws_code not in _OF_THE_FAILURE_ITSELF
