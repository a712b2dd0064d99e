"""Data that deleting the pipeline would lose, and the time within which kept data can still be processed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.context import Context
from pipectl.engine.model import Contents, Facts, Observation, facts_of
from pipectl.engine.parallel import parallel_map
from pipectl.errors import AwsError
from pipectl.facts import MappingFacts, QueueFacts, TableFacts
from pipectl.failures.audit_table import UNRESOLVED_ONES
from pipectl.failures.dead_letter_queue import holds_messages
from pipectl.failures.unresolved import gap
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.stream_progress import judge
from pipectl.monitoring.unresolved import MOST_COUNTED
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import duration, rfc3339

LONGEST_WAIT = 300
"""Seconds that a record may wait for the processor before it counts as data that would be lost."""
NOUNS: Mapping[str, str] = {
    ResourceKey.ORDERS_TABLE: "order",
    ResourceKey.AUDIT_TABLE: "failure",
    ResourceKey.BUCKET: "object version",
    ResourceKey.DEAD_LETTER_QUEUE: "queued failure",
}


@dataclass(frozen=True)
class Loss:
    """Data that would be lost with one resource.

    Args:
        resource: Its key.
        contents: What it holds.
        not_replayed: Unresolved failures, of an audit table.
        unread: Why there are, or may be, data that are not counted: records that are not processed, failures that just
            arrived.
        unreadable: The error, where the data could not be counted. Unknown data count as data.
        noun: The name of what is counted, where the key is not one of the config.
    """

    resource: str
    contents: Contents | None = None
    not_replayed: int = 0
    unread: str | None = None
    unreadable: str | None = None
    noun: str | None = None

    def __str__(self) -> str:
        """``31 failures, 30 of them unresolved``."""
        parts = [_counted(self.noun or _noun(self.resource), self.contents)] if self.contents else []
        if self.not_replayed:
            least = "at least " if self.not_replayed >= MOST_COUNTED else ""
            parts.append(f"{least}{self.not_replayed:,} of them unresolved")
        if self.contents and self.contents.protected:
            parts.append("protected against deletion")
        if self.unread:
            parts.append(self.unread)
        if self.unreadable:
            parts.append(f"cannot be counted: {self.unreadable}")
        return ", ".join(parts)


def find_losses(
    context: Context, managed: Mapping[str, Observation], metrics: Metrics | None = None, *, receive: bool = False
) -> tuple[Loss, ...]:
    """Return what would be lost with these resources.

    Args:
        context: The pipeline.
        managed: The managed resources that exist.
        metrics: Its metrics, to look for records that wait for the stream mapping; ``None`` while that is stopped.
        receive: Look for messages that the count of the queue does not show yet.

    Raises:
        CancelledError: the user pressed Ctrl-C.
    """

    def find(key: str) -> Loss:
        try:
            if key == ResourceKey.DEAD_LETTER_QUEUE and receive:
                return queued(context, key, managed[key])
            return _loss(context, managed, key, metrics)
        except AwsError as error:
            return Loss(key, unreadable=error.message)

    results = parallel_map(find, managed, cancel=context.cancel)
    found = results.require_done("Interrupted. Nothing was changed.")
    return tuple(found[key] for key in context.resources if key in found and found[key] != Loss(key))


def _loss(context: Context, managed: Mapping[str, Observation], key: str, metrics: Metrics | None) -> Loss:
    contents = context.resources[key].contents(managed[key])
    if key == ResourceKey.AUDIT_TABLE:
        not_replayed = _not_replayed(context, managed[key]) if contents and contents.count else 0
        return Loss(key, contents, not_replayed=not_replayed)
    if key == ResourceKey.ORDERS_TABLE and metrics and ResourceKey.STREAM_MAPPING in managed:
        return Loss(key, contents, unread=_unread_records(context, managed, metrics))
    return Loss(key, contents)


def queued(context: Context, key: str, queue: Observation) -> Loss:
    """Return the messages of a queue. Its count can be a minute old, so an empty one is looked into."""
    contents = context.resources[key].contents(queue)
    if contents or not holds_messages(context.aws, queue.facts_as(QueueFacts).url):
        return Loss(key, contents, noun=NOUNS[ResourceKey.DEAD_LETTER_QUEUE] if contents else None)
    return Loss(key, unread="queued failures that its count does not show yet")


def is_busy(metrics: Metrics) -> bool:
    """Return whether orders were written or processed lately, so that failures can still arrive in the queue."""
    try:
        counts = [metrics.total(series) for series in ("writes", "processor_errors")]
        return any(counts) or bool(metrics.recent("iterator_age"))
    except AwsError:
        return True


def _noun(resource: str) -> str:
    return next((noun for key, noun in NOUNS.items() if key == resource), "item")


def _counted(noun: str, contents: Contents) -> str:
    count = pluralize(contents.count, noun)
    return f"more than {count}" if contents.more else count


def _not_replayed(context: Context, audit: Observation) -> int:
    found = sum(1 for _ in islice(context.audit_table.find(UNRESOLVED_ONES), MOST_COUNTED))
    if missing := gap(context.audit_table, audit.facts_as(TableFacts)):
        context.reporter.note(missing, commands=True)
    return found


def _unread_records(context: Context, managed: Mapping[str, Observation], metrics: Metrics) -> str | None:
    """Return why records may be unread. What is unknown counts as data."""
    read = judge(context.config, {key: found.facts for key, found in managed.items()}, metrics)
    if read.stopped:
        return f"new records are not processed: {read.stopped}"
    if read.unknown:
        return f"records may wait for the processor: {read.unknown}"
    age = max((point.value / 1000 for point in metrics.recent("iterator_age")), default=0)
    return f"records wait up to {duration(timedelta(seconds=age))} for the processor" if age > LONGEST_WAIT else None


@dataclass(frozen=True)
class Resume:
    """The time before which `pipectl up` continues without losing a record, ``None`` where it is unknown, and why."""

    until: datetime | None
    why: str

    def __str__(self) -> str:
        return f"`pipectl up` before {rfc3339(self.until)} loses no record: {self.why}" if self.until else self.why


def resume_of_kept_table(context: Context, facts: Mapping[str, Facts], metrics: Metrics) -> Resume | None:
    """Return how long the records of an orders table last that is kept while nothing processes them.

    Its stream stays enabled, and each record expires after 24 hours. A mapping that starts at TRIM_HORIZON reads all
    records that are left, and records that were stored before are not stored twice. The maximum record age does not
    shorten that time: on an older stream `up` creates a mapping that processes records of any age first.
    """
    if ResourceKey.ORDERS_TABLE not in facts:
        return None
    if context.config.stream_mapping.starting_position == "LATEST":
        return Resume(
            None, "records until the next `pipectl up` are not processed, because the mapping starts at LATEST"
        )
    now, mapping = metrics.now, facts_of(facts, ResourceKey.STREAM_MAPPING, MappingFacts)
    read = judge(context.config, facts, metrics)
    if mapping and mapping.stopped and mapping.pause and mapping.pause.since:
        return Resume(mapping.pause.since + STREAM_RETENTION, f"processing was {mapping.pause.describe(now)}")
    if reason := read.stopped or read.unknown:
        return Resume(
            None, f"the time of the first waiting record is unknown, and records expire after 24 hours: {reason}"
        )
    return Resume(read.until + STREAM_RETENTION, "all older records were processed, and records expire after 24 hours")
