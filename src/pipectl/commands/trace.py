"""`trace`: follow one order through the pipeline. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import chain, islice

from pipectl.aws.stream_records import STREAM_RETENTION, plain_image
from pipectl.commands.verify import report_shards
from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.engine.parallel import parallel_map
from pipectl.facts import TableFacts
from pipectl.failures.audit_table import CLOCKS_DIFFER, UNRESOLVED_ONES, Selection
from pipectl.failures.errors import NoSuchOrderError
from pipectl.failures.explanation import Explained, Explanation
from pipectl.failures.model import Failure
from pipectl.failures.order_events import TraceEvent, older_event, version_events
from pipectl.failures.order_versions import MOST_VERSIONS, NewestVersions, Version, VersionObjects, is_image_of
from pipectl.failures.reasons import error_of, error_of_record
from pipectl.failures.status import UNRESOLVED, ReplayStatus
from pipectl.failures.table_reader import StreamReading, TableReader
from pipectl.failures.unresolved import gap
from pipectl.monitoring.stream_progress import Progress, progress
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import duration, parse_timestamp

_NEEDS = (ResourceKey.ORDERS_TABLE, ResourceKey.AUDIT_TABLE, ResourceKey.BUCKET)
_MOST_OLDER = 1000
"""Unresolved failures that are read because their records may be older than the stream, and explained."""
_READERS = (ResourceKey.STREAM_MAPPING, ResourceKey.PROCESSOR)


class Stage(StrEnum):
    """Progress of an order; of several versions, the worst one counts.

    ``unseen``: the table has the order, and the stream has no version of it. ``removed``: the stream has its removal
    alone.
    """

    STORED = "stored"
    WAITING = "waiting"
    LOST = "lost"
    FAILED = "failed"
    UNSEEN = "unseen"
    REMOVED = "removed"


class Proof(StrEnum):
    """Reason why a failure is one of this order.

    ``quarantined``: the quarantine has the failed record. ``logged``: the processor logged its failure. ``named``: the
    failure names the record. ``range``: the record lies between others that failed, so it may be a good one.
    """

    QUARANTINED = "quarantined"
    LOGGED = "logged"
    NAMED = "named"
    RANGE = "range"


class Doubt(StrEnum):
    """Reason why the stage is not certain."""

    UNREAD_SHARDS = "unread-shards"
    ASSUMED_SHARDS = "assumed-shards"
    OLDER_VERSIONS = "older-versions"
    OLDER_FAILURES = "older-failures"
    NO_INDEX = "no-index"
    RANGE = "range"
    QUEUE = "queue"
    YOUNG = "young"
    PROGRESS = "progress"
    EXPIRED = "expired"


@dataclass(frozen=True)
class TracedFailure:
    """The failure of an order that can still be replayed, else the newest one.

    Attributes:
        audit_id: Its id.
        failure_type: Its type.
        status: Its status.
        is_unresolved: A replay still has to process it.
        proof: The reason why it is one of this order.
        reason: The function's error, as far as it is known.
        at: Its time.
        is_corrected: A newer version of the order is stored, and the failure has no other record.
    """

    audit_id: str
    failure_type: str
    status: ReplayStatus
    is_unresolved: bool
    proof: Proof = Proof.NAMED
    reason: str | None = None
    at: datetime | None = None
    is_corrected: bool = False


@dataclass(frozen=True)
class Trace:
    """Progress of an order.

    Attributes:
        key: Its partition key.
        now: The time at which it was followed.
        item: The order as the table has it now, in DynamoDB's typed form; ``None`` when the table does not have it.
        stage: Its progress.
        versions: Number of its inserts and updates in the stream, in that period.
        at_stage: Number of those that are at this stage.
        was_removed: The stream holds a removal of it.
        is_current: The newest version in the stream is the order as the table has it.
        failure: The failure, at the stage ``failed``.
        stopped: The reason why the stream is not being read, at the stage ``waiting``.
        unknown: The reason why nothing certain is known about the reading of the stream, at the stage ``waiting``.
        error: The processor's error, at the stages ``waiting`` and ``lost``: it failed, and no failure is audited.
        events: What happened: older failures first, then by version, in order of time.
        more: There were more versions than were followed; the oldest are left out.
        unread: Shards that could not be read to their end, so that versions may be missing.
        assumed: Open shards that returned only empty pages in the end; they are assumed to be read.
        unexplained: Number of failures whose orders were not read, because there are too many.
        gap: The reason why unresolved failures that are older than 48 hours may not have been searched.
        period: Age of the oldest versions that were looked for.
    """

    key: str
    now: datetime
    item: Mapping[str, object] | None
    stage: Stage
    versions: int = 0
    at_stage: int = 0
    was_removed: bool = False
    is_current: bool = False
    failure: TracedFailure | None = None
    stopped: str | None = None
    unknown: str | None = None
    error: str | None = None
    events: tuple[TraceEvent, ...] = ()
    more: bool = False
    unread: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    unexplained: int = 0
    gap: str | None = None
    period: timedelta = STREAM_RETENTION

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """The reasons why the stage is not certain."""
        waits = self.stage is Stage.WAITING and not self.stopped
        reasons = {
            Doubt.UNREAD_SHARDS: self.unread,
            Doubt.ASSUMED_SHARDS: self.assumed and not self.is_current,
            Doubt.OLDER_VERSIONS: self.more,
            Doubt.OLDER_FAILURES: self.unexplained,
            Doubt.NO_INDEX: self.gap,
            Doubt.RANGE: self.failure and self.failure.proof is Proof.RANGE,
            Doubt.QUEUE: self.stage is Stage.LOST,
            Doubt.PROGRESS: waits and self.unknown,
            Doubt.YOUNG: waits and not self.unknown,
            Doubt.EXPIRED: self.stage is Stage.UNSEEN,
        }
        return tuple(doubt for doubt, holds in reasons.items() if holds)


def trace(context: Context, key: str, since: datetime | None = None) -> Trace:
    """Follow one order through table, stream, bucket and audit table.

    Args:
        context: The pipeline.
        key: The order's partition key.
        since: Follow versions written at this time or later; by default all that the stream holds.

    Raises:
        NoSuchOrderError: it is in none of these places.
        PipectlError: orders table, bucket or audit table is missing, or cannot be read.
    """
    observed = context.identify([*_NEEDS, *_READERS])
    context.require_managed(_NEEDS, observed)
    return _Tracing(context, key, since, context.managed(observed)).run()


class _Tracing:
    def __init__(
        self, context: Context, key: str, since: datetime | None, resources: Mapping[str, Observation]
    ) -> None:
        names, config = context.pipeline.physical, context.config
        self._context = context
        self._key = key
        self._resources = resources
        self._now = context.aws.now()
        self._audit_table = context.audit_table
        self._since = max(since or self._now - STREAM_RETENTION, self._now - STREAM_RETENTION)
        self._objects = VersionObjects(
            context.aws, names.bucket, config.bucket.prefix, config.bucket.failed_prefix, context.cancel
        )

    def run(self) -> Trace:
        context, step = self._context, self._context.reporter.step
        item = self._item()
        versions, reading = self._versions()
        more, versions = len(versions) > MOST_VERSIONS, versions[-MOST_VERSIONS:]
        step("looking for the objects of the order")
        self._objects.find(versions)
        step("reading the audit table and the metrics")
        explained = self._explain(versions)
        older = self._older(explained, versions)
        missing = gap(self._audit_table, self._resources[ResourceKey.AUDIT_TABLE].facts_as(TableFacts))
        if item is None and not versions and not older:
            raise NoSuchOrderError(self._key, duration(self._now - self._since), reading.unread, missing)
        read = progress(context, {key: found.facts for key, found in self._resources.items()}, self._now)
        events = [*(older_event(each, self._now) for each in older), *self._events(versions)]
        found = Trace(self._key, self._now, item, Stage.UNSEEN, events=tuple(events), more=more)
        is_current = bool(versions) and is_image_of(versions[-1], plain_image(item))
        found = replace(found, is_current=is_current, unread=reading.unread, assumed=reading.assumed)
        found = replace(found, unexplained=explained.unexplained, gap=missing, period=self._now - self._since)
        return _with_older(_judge(found, versions, read, explained), older)

    def _item(self) -> Mapping[str, object] | None:
        context = self._context
        table, name = context.pipeline.physical.orders_table, context.config.orders_table.partition_key
        answer = context.aws.dynamodb.get_item(TableName=table, Key={name: {"S": self._key}}, ConsistentRead=True)
        return answer.get("Item")

    def _versions(self) -> tuple[list[Version], StreamReading]:
        """Return the newest versions in the stream, in order, one more than are followed."""
        context = self._context
        newest = NewestVersions(context.config.orders_table.partition_key, self._key, self._since)
        reader = TableReader(
            context.aws,
            context.pipeline.physical.orders_table,
            self._resources[ResourceKey.ORDERS_TABLE].facts_as(TableFacts),
            self._now,
            since=self._since,
            order=newest.has,
            report=partial(report_shards, context),
            cancel=context.cancel,
        )
        reading = reader.read(newest.take)
        return newest.in_order(), reading

    def _explain(self, versions: Sequence[Version]) -> Explained:
        """Add to each version the failures that cover it, and explain what the quarantine of a version does not.

        Unresolved failures of older records are explained, too, the newest ones within a limit.
        """
        silent = list(self._find_failures(versions)) if versions else []
        older, more = self._find_older()
        chosen = [*silent, *older]
        explained = self._context.explainer.explain(chosen) if chosen else Explained(())
        return replace(explained, unexplained=explained.unexplained + more)

    def _find_failures(self, versions: Sequence[Version]) -> list[Failure]:
        """Add to each version the failures that cover it. Return those for which the quarantine has no reason.

        The failure of one record is found by its id. Others are looked for among all that were recorded since, but only
        for versions that need one: they failed, or they are not stored.
        """
        failures = {failure.key: failure for failure in self._named(versions)}
        named = {where.first for failure in failures.values() if (where := failure.range)}
        wanted = [each for each in versions if each.needs_failure and each.record.number not in named]
        if wanted:
            failures |= {failure.key: failure for failure in self._in_trail(wanted)}
        silent = list[Failure]()
        for failure in sorted(failures.values(), key=lambda each: each.timestamp):
            if (where := failure.range) and (covered := [each for each in versions if each.lies_in(where)]):
                for version in covered:
                    version.failures.append(failure)
                if not all(version.stored or version.cause for version in covered):
                    silent.append(failure)
        return silent

    def _named(self, versions: Sequence[Version]) -> Iterator[Failure]:
        """Yield the failures of single records that are these versions."""
        ids = [each.audit_id for each in versions if each.record.is_replayed]
        read = parallel_map(lambda each: list(self._audit_table.with_id(each)), ids, cancel=self._context.cancel)
        return chain.from_iterable(read.require_done("interrupted while reading the audit table").values())

    def _in_trail(self, versions: Sequence[Version]) -> list[Failure]:
        """Return the failures whose range covers one of these versions, of all that were recorded since they were."""
        found: list[Failure] = []

        def take(failure: Failure) -> None:
            if (where := failure.range) and any(each.lies_in(where) for each in versions):
                found.append(failure)

        selection = Selection(min(each.written_at for each in versions) - CLOCKS_DIFFER)
        self._audit_table.for_each(selection, take, self._context.cancel)
        keys = {failure.key for failure in found}
        whole = (self._audit_table.with_id(audit_id) for audit_id in sorted({each.audit_id for each in found}))
        return [failure for failure in chain.from_iterable(whole) if failure.key in keys]

    def _find_older(self) -> tuple[list[Failure], int]:
        """Return unresolved failures of older records, within a limit, and how many more there are at least.

        A record fails at the latest when it reaches the maximum age, so that no newer failure is one of these.
        """
        age = self._context.config.stream_mapping.maximum_record_age
        sure = self._since + CLOCKS_DIFFER
        last = sure + (timedelta(seconds=age) if age > 0 else STREAM_RETENTION)
        table = self._audit_table
        parts = (
            table.newest_first(replace(UNRESOLVED_ONES, until=sure)),
            table.newest_first(replace(UNRESOLVED_ONES, since=sure, until=last)),
        )
        older = list[Failure]()
        more = 0
        for part in parts:
            older += [failure for failure, _ in islice(part, _MOST_OLDER) if self._is_older(failure)]
            more += next(part, None) is not None
        return older[:_MOST_OLDER], more + len(older[_MOST_OLDER:])

    def _is_older(self, failure: Failure) -> bool:
        """Return whether a failure has records that were written before the versions that were looked for."""
        return failure.arrival is None or failure.arrival[0] < self._since

    def _older(self, explained: Explained, versions: Sequence[Version]) -> list[Explanation]:
        """Return the failures of this order whose records are no longer in the stream."""
        known = {failure.key for version in versions for failure in version.failures}
        return [
            each
            for each in explained.explanations
            if self._key in each.order_keys and each.failure.key not in known and each.failure.status in UNRESOLVED
        ]

    def _events(self, versions: Sequence[Version]) -> Iterator[TraceEvent]:
        """Yield what happened, by version, in order of time."""
        for number, version in enumerate(versions, 1):
            yield from sorted(version_events(version, number, self._objects), key=lambda each: each.time)


def _judge(found: Trace, versions: Sequence[Version], read: Progress, explained: Explained) -> Trace:
    processed = [version for version in versions if version.record.is_replayed]
    found = replace(found, versions=len(processed), was_removed=len(processed) < len(versions))
    not_stored = [version for version in processed if not version.stored]
    if not processed:
        return replace(found, stage=Stage.REMOVED if versions else Stage.UNSEEN)
    if not not_stored:
        return replace(found, stage=Stage.STORED, at_stage=len(processed))
    if failed := [version for version in not_stored if version.failures]:
        failure, has_others = _most_useful(found.key, failed, explained)
        failure = replace(failure, is_corrected=processed[-1].stored is not None and not has_others)
        return replace(found, stage=Stage.FAILED, at_stage=len(failed), failure=failure)
    is_known = not (read.stopped or read.unknown)
    lost = [version for version in not_stored if is_known and version.written_at < read.until]
    error = next((version.reason for version in reversed(lost or not_stored) if version.cause), None)
    if lost:
        return replace(found, stage=Stage.LOST, at_stage=len(lost), error=error)
    waiting = replace(found, stage=Stage.WAITING, at_stage=len(not_stored), error=error)
    return replace(waiting, stopped=read.stopped, unknown=read.unknown)


def _most_useful(key: str, failed: Sequence[Version], explained: Explained) -> tuple[TracedFailure, bool]:
    """Return the failure that can still be replayed, else the newest one, and whether it may have other records."""
    pairs = [(failure, version) for version in failed for failure in version.failures]
    pairs.sort(key=lambda pair: pair[0].timestamp)
    failure, version = next((pair for pair in reversed(pairs) if pair[0].status in UNRESOLVED), pairs[-1])
    explanation = next((each for each in explained.explanations if each.failure.key == failure.key), None)
    logged = _order_of(explanation, version, key)
    named = Proof.NAMED if version.is_named_by(failure) else Proof.RANGE
    proof = Proof.QUARANTINED if version.quarantined else Proof.LOGGED if logged else named
    reason = error_of_record(failure, version.record.number) or version.reason or logged
    if not reason and named is Proof.NAMED:
        reason = explanation.reason if explanation else error_of(failure)
    return _traced(failure, proof, reason), _has_others(failure)


def _has_others(failure: Failure) -> bool:
    """Return whether a failure may be one of several records."""
    where, numbers = failure.range, failure.failing_numbers
    return len(numbers) > 1 if numbers else where is None or where.first != where.last


def _order_of(explanation: Explanation | None, version: Version, key: str) -> str | None:
    """Return the reason that the quarantine or the log has for this version of the order."""
    orders = explanation.orders if explanation else ()
    return next((each.reason for each in orders if each.number == version.record.number and each.key == key), None)


def _with_older(found: Trace, older: Sequence[Explanation]) -> Trace:
    """Return a trace whose stage is that of an older failure where no newer version is worse."""
    if not older or found.stage in (Stage.FAILED, Stage.LOST, Stage.WAITING):
        return found
    newest = max(older, key=lambda each: each.failure.timestamp)
    is_kept = any(each.quarantined and each.key == found.key for each in newest.orders)
    failure = _traced(newest.failure, Proof.QUARANTINED if is_kept else Proof.LOGGED, newest.reason)
    failure = replace(failure, is_corrected=found.stage is Stage.STORED and not _has_others(newest.failure))
    return replace(found, stage=Stage.FAILED, at_stage=0, failure=failure)


def _traced(failure: Failure, proof: Proof, reason: str | None) -> TracedFailure:
    unresolved, at = failure.status in UNRESOLVED, parse_timestamp(failure.timestamp)
    return TracedFailure(failure.audit_id, failure.failure_type, failure.status, unresolved, proof, reason, at)
