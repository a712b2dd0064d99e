"""What is still to be done with the data of a pipeline, and until when it can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pipectl.aws.stream_records import STREAM_RETENTION
from pipectl.context import Context
from pipectl.engine.model import Facts, Observation, facts_of
from pipectl.errors import AwsError
from pipectl.facts import MappingFacts
from pipectl.failures.audit_table import AuditTable, Selection
from pipectl.failures.model import UNRESOLVED
from pipectl.monitoring.health import LOOK_BACK, MOST_COUNTED
from pipectl.monitoring.metrics import Metrics
from pipectl.monitoring.stream_progress import progress
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

LONGEST_WAIT = 300
"""Seconds that a record may wait for the processor before it counts as data that would be lost."""


@dataclass(frozen=True)
class Resume:
    """Until when an `up` goes on without losing a record, ``None`` where that cannot be told, and why."""

    until: datetime | None
    why: str

    def __str__(self) -> str:
        return f"an `up` until {rfc3339(self.until)} loses no record: {self.why}" if self.until else self.why


def unprocessed(context: Context, ours: Mapping[str, Observation]) -> dict[str, str]:
    """What is still to be done with the data, in words, by the resource that holds it.

    What cannot be read counts: nobody knows that it is nothing.
    """
    questions: dict[str, Callable[[], str | None]] = {}
    if ResourceKey.AUDIT_TABLE in ours:
        questions[ResourceKey.AUDIT_TABLE] = lambda: _open_failures(context)
    if ResourceKey.ORDERS_TABLE in ours and ResourceKey.STREAM_MAPPING in ours:
        mapping = ours[ResourceKey.STREAM_MAPPING].facts_as(MappingFacts)
        questions[ResourceKey.ORDERS_TABLE] = lambda: _unread_records(context, mapping)
    answers: dict[str, str | None] = {}
    for key, ask in questions.items():
        try:
            answers[key] = ask()
        except AwsError as error:
            answers[key] = f"what waits to be processed cannot be read: {error.message}"
    return {key: text for key, text in answers.items() if text}


def _while_it_reads(read_until: datetime | None) -> Resume:
    if read_until is None:
        return Resume(None, "the processor was not invoked in the last 24 hours: what waits since is not known")
    return Resume(read_until + STREAM_RETENTION, "what was written before has been read, and records last 24 hours")


def _open_failures(context: Context) -> str | None:
    now, table = context.aws.clock.now(), context.pipeline.physical.audit_table
    found = AuditTable(context.aws, table).find(Selection(now - LOOK_BACK, now, statuses=UNRESOLVED))
    count = sum(1 for _ in islice(found, MOST_COUNTED))
    least = "at least " if count == MOST_COUNTED else ""
    return f"{least}{pluralize(count, 'failure')} of the last 48 hours still to be replayed" if count else None


def _unread_records(context: Context, mapping: MappingFacts) -> str | None:
    """Of a mapping that does not read nobody knows whether something was written since; it counts as if."""
    now = context.aws.clock.now()
    if stopped := progress(context, mapping, now).stopped:
        return f"what was written since has not been processed: {stopped}"
    age = Metrics(context, now).iterator_age() or 0
    return f"records wait up to {age:.0f} s for the processor" if age > LONGEST_WAIT else None


def resume_of_kept_table(context: Context, ours: Mapping[str, Facts]) -> Resume | None:
    """What becomes of the records of an orders table that is kept while nothing processes them.

    Its stream goes on, and keeps each record for 24 hours. A mapping that begins at TRIM_HORIZON reads all that is
    there; what was stored before is not stored twice.
    """
    if ResourceKey.ORDERS_TABLE not in ours:
        return None
    if context.config.stream_mapping.starting_position == "LATEST":
        return Resume(None, "what is written until the next `up` is not processed, for the mapping begins at LATEST")
    now, mapping = context.aws.clock.now(), facts_of(ours, ResourceKey.STREAM_MAPPING, MappingFacts)
    got = progress(context, mapping, now)
    if not got.stopped:
        return _while_it_reads(Metrics(context, now).read_until())
    pause = mapping.pause if mapping else None
    if pause and pause.since:
        return Resume(pause.since + STREAM_RETENTION, f"it was {pause.describe(now)}")
    return Resume(None, f"since when records are not processed is not known, and they last 24 hours: {got.stopped}")
