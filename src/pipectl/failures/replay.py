"""The replay: claim failures, read their records, process them again, settle each failure.

Records of one shard are read in order by one thread and processed by several at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, groupby
from threading import Semaphore

from pipectl.clock import Clock
from pipectl.engine.parallel import Results, parallel_map
from pipectl.errors import AwsError, CancelledError, PipectlError
from pipectl.failures.audit_table import AuditTable
from pipectl.failures.audit_updates import size_of_item
from pipectl.failures.audit_writer import MOST_ITEMS, transactions
from pipectl.failures.batching import Located, batches, merged
from pipectl.failures.claims import PARALLEL, Claims
from pipectl.failures.model import FailedRecord, Failure, Reading, Record, StreamRange
from pipectl.failures.outcomes import ClaimState, FailureTally, ReplayReport
from pipectl.failures.processor_client import ProcessorClient
from pipectl.failures.record_reader import RecordReader
from pipectl.failures.settlement import Settlement
from pipectl.text import pluralize

FAILURES_AT_ONCE = 1000
"""Failures that are claimed, merged and replayed at once; memory does not grow beyond them."""
BYTES_AT_ONCE = 50_000_000
"""Bytes of their items: one with a large message can have 400 KB."""
INVOCATIONS_AT_ONCE = 4
"""A new account may run 10 invocations at once, and the mapping needs some of them."""
_HINT = "nothing is lost: finished work is recorded, and the same command continues from here"
_ABOUT_ONE_FAILURE = ("ValidationException", "ParamValidationError")
"""Error codes of AWS for an invalid shard or sequence number."""


@dataclass
class ReadTask:
    """Failures whose records are read together.

    Attributes:
        tallies: The failures.
        read: Starts the reading.
        error: The reason why nothing, or nothing more, can be read.
        is_read: The reading has ended.
        in_flight: Number of records read and not yet processed.
    """

    tallies: list[FailureTally]
    read: Callable[[], Iterator[Reading]]
    error: str | None = None
    is_read: bool = False
    in_flight: int = 0


_Read = tuple[Record, ReadTask]


@dataclass
class ShardReplay:
    """Replays the failures of one shard.

    Batches are filled across failures: a hundred failures of one record each are one invocation. The failures whose
    last record an invocation has processed are settled together: when it ends, or when the next one does if the write
    before is still in progress.

    Attributes:
        processor: Processes records.
        claims: Claims of the failures.
        clock: Time.
        pool: Threads for invocations and outcomes.
        room: Limits how many batches of all shards are in memory, and invoked at once.
        batch_size: The most records of one invocation.
        progress: Called after each batch with the number of its records.
        version: The version of the processor.
        report: The result so far, without outcomes.
    """

    processor: ProcessorClient
    claims: Claims
    clock: Clock
    pool: ThreadPoolExecutor
    room: Semaphore
    batch_size: int
    progress: Callable[[int], None]
    version: str | None
    report: ReplayReport = field(default_factory=ReplayReport)
    _invocations: deque[tuple[Future[list[FailedRecord]], list[_Read]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._settlement = Settlement(self.claims, self.pool)

    @property
    def result(self) -> ReplayReport:
        return self.report.plus(self._settlement.report)

    def run(self, tasks: Iterable[ReadTask]) -> None:
        """Replay all failures of the tasks.

        Raises:
            PipectlError: an error that is not about one failure alone, or the user interrupted.
        """
        try:
            for batch in batches(self._read(tasks), self.batch_size, lambda read: read[0].event):
                self._send(batch)
            while self._invocations:
                self._finish_oldest_invocation()
            self._settlement.finish()
        except BaseException:
            for future, _ in self._invocations:
                future.cancel()
            with suppress(PipectlError):
                self._settlement.finish()
            raise

    def _read(self, tasks: Iterable[ReadTask]) -> Iterator[_Read]:
        for task in tasks:
            task.tallies = self._still_held(task.tallies)
            if not task.tallies:
                continue
            try:
                for reading in task.read():
                    for tally in task.tallies:
                        tally.note(reading)
                    if isinstance(reading, Record) and reading.is_replayed:
                        task.in_flight += 1
                        yield reading, task
            except PipectlError as error:
                if isinstance(error, CancelledError) or concerns_all(error):
                    raise
                task.error = error.message
            task.is_read = True
            self._settle_if_finished(task)
            self._settlement.send(least=MOST_ITEMS)

    def _still_held(self, tallies: Sequence[FailureTally]) -> list[FailureTally]:
        """Renew claims, which can expire while a task waits for its turn. Drop tasks whose claims are lost."""
        self.claims.renew(tally.failure for tally in tallies)
        held = [tally for tally in tallies if self.claims.holds(tally.failure)]
        if lost := [self.claims.state_of_lost(tally.failure) for tally in tallies if tally not in held]:
            self.report = self.report.with_others(lost)
        return held

    def _send(self, batch: list[_Read]) -> None:
        tasks = {id(task): task for _, task in batch}
        failures = [tally.failure for task in tasks.values() for tally in task.tallies]

        def before_each() -> None:
            self.clock.sleep(0)  # raises after Ctrl-C
            self.claims.renew(failures)

        while self._invocations and self._invocations[0][0].done():
            self._finish_oldest_invocation()
        self.room.acquire()
        future = self.pool.submit(self.processor.process, [record.event for record, _ in batch], before_each)
        future.add_done_callback(lambda _: self.room.release())
        self._invocations.append((future, batch))

    def _finish_oldest_invocation(self) -> None:
        future, batch = self._invocations.popleft()
        failed = {each.sequence_number: each for each in future.result()}
        still = [failed[record.number] for record, _ in batch if record.number in failed]
        self.report = self.report.with_records(len(batch) - len(still), still)
        for record, task in batch:
            task.in_flight -= 1
            for tally in task.tallies:
                tally.count(record.number, failed.get(record.number))
            self._settle_if_finished(task)
        self._settlement.send()
        self.progress(len(batch))

    def _settle_if_finished(self, task: ReadTask) -> None:
        if not task.is_read or task.in_flight:
            return
        for tally in task.tallies:
            outcome = tally.outcome(task.error)
            if outcome.replayed or outcome.failing:
                outcome = replace(outcome, version=self.version)
            self._settlement.add(tally.failure, outcome)


class Replay:
    """A replay of many failures. It can be interrupted at any call: claims expire, finished work is recorded.

    Args:
        table: The audit table.
        reader: Reads the records of a failure.
        processor: Processes them.
        clock: Time.
        stream_prefix: Beginning of the ARNs of the pipeline's streams.
        batch_size: The most records of one invocation.
        claim_seconds: Duration of a claim; twice as long as an invocation can take, because claims are renewed when
            half of it has passed.
        failures_at_once: The most failures that are claimed at the same time.
        version: The version of the processor, which the audit items of its records name.
        again: Replay failures that are done, too.
        progress: Called after each batch with the number of its records.
        cancel: Makes calls in progress end early.
    """

    def __init__(
        self,
        table: AuditTable,
        reader: RecordReader,
        processor: ProcessorClient,
        clock: Clock,
        *,
        stream_prefix: str,
        batch_size: int,
        claim_seconds: float,
        failures_at_once: int = FAILURES_AT_ONCE,
        version: str | None = None,
        again: bool = False,
        progress: Callable[[int], None] = lambda _records: None,
        cancel: Callable[[], None] = lambda: None,
    ) -> None:
        self._reader = reader
        self._processor = processor
        self._clock = clock
        self._claims = Claims(table, clock, claim_seconds)
        self._batch_size = batch_size
        self.report = ReplayReport()
        self._stream_prefix = stream_prefix
        self._again = again
        self._failures_at_once = failures_at_once
        self._version = version
        self._progress = progress
        self._cancel = cancel

    def from_stream(self, failures: Iterator[Failure]) -> ReplayReport:
        """Replay failures; ranges that overlap are read once, and a shard by one reader alone."""
        return self._run(failures, self._stream_tasks)

    def from_saved(self, failures: Iterator[Failure], read: Callable[[Failure], Iterator[Reading]]) -> ReplayReport:
        """Replay failures whose records were saved."""

        def tasks(claimed: Sequence[Failure]) -> dict[str, list[ReadTask]]:
            return {"saved": [ReadTask([FailureTally(each, each.range)], partial(read, each)) for each in claimed]}

        return self._run(failures, tasks)

    def _run(
        self, failures: Iterator[Failure], tasks_of: Callable[[Sequence[Failure]], dict[str, list[ReadTask]]]
    ) -> ReplayReport:
        while batch := self._portion(failures):
            try:
                self._replay(tasks_of(self._claim(batch)))
            except KeyboardInterrupt:
                self._claims.release(batch)
                raise self._interruption() from None
            except BaseException:
                self._claims.release(batch)
                raise
        return self.report

    def _portion(self, failures: Iterator[Failure]) -> list[Failure]:
        """Return the failures that are replayed next."""
        portion, size = list[Failure](), 0
        for failure in failures:
            portion.append(failure)
            size += size_of_item(failure)
            if len(portion) >= self._failures_at_once or size >= BYTES_AT_ONCE:
                break
        return portion

    def _claim(self, batch: Sequence[Failure]) -> list[Failure]:
        different = list({failure.key: failure for failure in batch}.values())
        shares = transactions(different)
        with ThreadPoolExecutor(PARALLEL) as pool:
            try:
                taken = list(pool.map(lambda share: self._claims.take(share, again=self._again), shares))
            except KeyboardInterrupt:
                self._cancel()
                raise
        self.report = self.report.with_others(list(chain(*taken)))
        for failure, state in zip(chain(*shares), chain(*taken), strict=True):
            if state is ClaimState.REFUSED:
                self.report = self.report.with_untried(failure.audit_id, "its audit item is full (400 KB)")
        return [failure for failure in different if self._claims.holds(failure)]

    def _replay(self, tasks: dict[str, list[ReadTask]]) -> None:
        with ThreadPoolExecutor(PARALLEL) as pool:
            shards = self._shards(tasks, pool)
            results = parallel_map(
                lambda name: shards[name].run(tasks[name]), tasks, cancel=self._cancel, workers=PARALLEL
            )
        for shard in shards.values():
            self.report = self.report.plus(shard.result)
        self._raise_errors(results)

    def _shards(self, names: Iterable[str], pool: ThreadPoolExecutor) -> dict[str, ShardReplay]:
        room = Semaphore(INVOCATIONS_AT_ONCE)
        return {
            name: ShardReplay(
                processor=self._processor,
                claims=self._claims,
                clock=self._clock,
                pool=pool,
                room=room,
                batch_size=self._batch_size,
                progress=self._progress,
                version=self._version,
            )
            for name in names
        }

    def _raise_errors(self, results: Results[None]) -> None:
        if results.interrupted or any(isinstance(error, CancelledError) for error in results.failed.values()):
            raise self._interruption()
        for error in results.failed.values():
            error.hint = f"{error.hint}; {_HINT}" if error.hint else _HINT
            raise error

    def _interruption(self) -> CancelledError:
        return CancelledError(f"interrupted: {pluralize(self.report.total, 'failure')} finished", hint=_HINT)

    def _stream_tasks(self, claimed: Sequence[Failure]) -> dict[str, list[ReadTask]]:
        """Return the tasks of each shard. A failure without a usable range is a task with only the reason."""
        located: list[Located] = []
        unusable: list[ReadTask] = []
        for failure in claimed:
            where, reason = failure.range, failure.unreplayable(self._stream_prefix)
            if reason or where is None:
                unusable.append(ReadTask([FailureTally(failure)], lambda: iter(()), error=reason))
            else:
                located.append((where, failure))
        self.report = replace(self.report, unreplayable=self.report.unreplayable + len(unusable))
        tasks: dict[str, list[ReadTask]] = {}
        for shard, of_shard in groupby(merged(located), lambda pair: (pair[0].stream_arn, pair[0].shard_id)):
            tasks["/".join(shard)] = self._shard_tasks(list(of_shard))
        return {**tasks, "unreplayable": unusable} if unusable else tasks

    def _shard_tasks(self, ranges: Sequence[tuple[StreamRange, list[Located]]]) -> list[ReadTask]:
        stream = self._reader.stream(ranges[0][0])
        tasks = []
        for whole, inside in ranges:
            tallies = [FailureTally(failure, where) for where, failure in inside]
            tasks.append(ReadTask(tallies, partial(self._reader.read, whole, stream)))
        return tasks


def concerns_all(error: PipectlError) -> bool:
    """Return whether an error of AWS is about all failures, and not about one invalid message."""
    return isinstance(error, AwsError) and error.aws_code not in _ABOUT_ONE_FAILURE
