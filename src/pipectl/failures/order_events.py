"""Events of an order: what happened to each version, as `trace` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pipectl.failures.explanation import Explanation
from pipectl.failures.model import Failure, SequenceNumber
from pipectl.failures.order_versions import Version, VersionObjects
from pipectl.failures.reasons import error_of_record, tries
from pipectl.failures.status import ReplayStatus
from pipectl.timestamps import parse_timestamp

_WRITTEN = {"INSERT": "inserted", "MODIFY": "modified", "REMOVE": "removed"}


@dataclass(frozen=True)
class TraceEvent:
    """Something that happened to a version of the order.

    Attributes:
        time: The time of it.
        kind: ``inserted``, ``modified``, ``removed``, ``stored``, ``quarantined``, ``failed``, ``replayed`` or
            ``resolved``.
        version: The version's place among those that were followed, from 1; ``None`` when it is older than the stream.
        sequence_number: The version's sequence number.
        event_id: The stream's id of the record.
        shard_id: The shard of the record.
        object: The S3 URL of what was stored or quarantined.
        audit_id: The failure.
        failure_type: The failure's type.
        tries: Number of invocations until the retries were exhausted.
        status: The failure's status.
        error: The function's error, or the reason of a resolution.
        by: The person who resolved it.
    """

    time: datetime
    kind: str
    version: int | None
    sequence_number: SequenceNumber | None
    event_id: str | None = None
    shard_id: str | None = None
    object: str | None = None
    audit_id: str | None = None
    failure_type: str | None = None
    tries: int | None = None
    status: ReplayStatus | None = None
    error: str | None = None
    by: str | None = None


def version_events(version: Version, number: int, objects: VersionObjects) -> Iterator[TraceEvent]:
    """Yield what happened to a version, in no order."""
    event, place = version.record.event, (number, version.record.number)
    kind = _WRITTEN.get(event.get("eventName", ""), "written")
    shard = version.shard.shard_id
    yield TraceEvent(version.written_at, kind, *place, event_id=event.get("eventID"), shard_id=shard)
    if version.stored:
        yield TraceEvent(version.stored, "stored", *place, object=objects.url(version))
    if version.quarantined:
        reason, url = version.reason, objects.quarantine_url(version)
        yield TraceEvent(version.quarantined, "quarantined", *place, object=url, error=reason)
    for failure in version.failures:
        yield from _failure_events(failure, version, number)


def _failure_events(failure: Failure, version: Version, number: int) -> Iterator[TraceEvent]:
    """Yield the events of a failure. A time that is not valid becomes the one when the record was written."""

    def event(kind: str, time: object) -> TraceEvent:
        found = TraceEvent(parse_timestamp(time) or version.written_at, kind, number, version.record.number)
        return replace(found, audit_id=failure.audit_id, failure_type=failure.failure_type, status=failure.status)

    yield replace(event("failed", failure.timestamp), tries=tries(failure))
    if replayed := failure.item.get("replayedAt"):
        yield replace(event("replayed", replayed), error=error_of_record(failure, version.record.number))
    if failure.status is ReplayStatus.RESOLVED:
        by, reason = (failure.item.get(name) for name in ("resolvedBy", "resolvedReason"))
        resolved = event("resolved", failure.item.get("resolvedAt"))
        yield replace(resolved, by=str(by) if by else None, error=str(reason) if reason else None)


def older_event(explanation: Explanation, now: datetime) -> TraceEvent:
    """Return the event of a failure whose records are older than the stream."""
    failure = explanation.failure
    return TraceEvent(
        parse_timestamp(failure.timestamp) or now,
        "failed",
        None,
        None,
        audit_id=failure.audit_id,
        failure_type=failure.failure_type,
        tries=tries(failure),
        status=failure.status,
        error=explanation.reason,
    )
