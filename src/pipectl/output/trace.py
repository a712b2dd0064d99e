"""Output of `trace`."""

from __future__ import annotations

from pipectl.commands.trace import Stage, Trace, TraceEvent
from pipectl.output.console import Screen
from pipectl.output.records import assumed
from pipectl.output.serializer import dumps, serialize
from pipectl.text import pluralize
from pipectl.timestamps import duration, rfc3339

_STAGE_LOOK = {Stage.STORED: "green", Stage.WAITING: "yellow"}


def result(screen: Screen, found: Trace) -> None:
    """Print the result of `trace`."""
    if screen.json_output:
        screen.document(_document(screen, found))
        return
    if found.item is not None:
        screen.line(dumps(found.item, indent=None))
    elif found.stage is not Stage.ABSENT:
        screen.line(f"{found.key} is no longer in the table.")
    for event in found.events:
        screen.line((f"{rfc3339(event.time)}  ", "dim"), f"{event.kind:<12}{_detail(event)}")
    for shard in found.unread:
        screen.line(("! ", "red"), f"shard {shard} could not be read to its end: versions of the order may be missing")
    if found.assumed:
        screen.line((assumed(found.assumed), "dim"))
    look = "red" if found.unread else _STAGE_LOOK.get(found.stage, "red")
    screen.line((screen.completed(verdict(found)), look))


def verdict(found: Trace) -> str:
    """Return the stage of an order as a sentence, with the command that helps."""
    period = f"in the last {duration(found.period)}"
    count = f"{found.at_stage} of {pluralize(found.versions, 'version')} {period}"
    match found.stage:
        case Stage.STORED:
            return f"stored: {count}"
        case Stage.FAILED if failure := found.failure:
            force = "" if failure.is_unresolved else " --force"
            command = f"`pipectl replay-dlq --id {failure.audit_id}{force}`"
            return f"failed: {count} ({failure.failure_type}, {failure.status}); replay it with {command}"
        case Stage.LOST:
            return f"lost: {count}, neither stored nor reported as failed; process it with `pipectl verify --repair`"
        case Stage.WAITING:
            reason = found.stopped or found.unknown
            return f"waits for the processor: {count}" + (f"; {reason}" if reason else "")
        case Stage.UNSEEN:
            return f"not in the stream {period}; for older failures see `pipectl audit list --since 7d`"
    if found.was_removed:
        return f"deleted {period}; no insert or update in that time"
    return f"no such order: neither in the table, nor in the stream {period}"


def _detail(event: TraceEvent) -> str:
    if event.shard_id is not None:
        return f"record {event.event_id or ''} in shard {event.shard_id}"
    if event.audit_id is not None:
        error = f": {event.error}" if event.error else ""
        return f"{event.status or event.failure_type}, failure {event.audit_id}{error}"
    return event.object or ""


def _document(screen: Screen, found: Trace) -> dict[str, object]:
    return {
        "key": found.key,
        "item": found.item,
        "stage": found.stage,
        "verdict": screen.completed(verdict(found)),
        "versions": found.versions,
        "atStage": found.at_stage,
        "failure": found.failure,
        "stopped": screen.completed(found.stopped) if found.stopped else None,
        "unknown": screen.completed(found.unknown) if found.unknown else None,
        "events": [_without_none(event) for event in found.events],
        "more": found.more,
        "unread": found.unread,
        "assumed": found.assumed,
    }


def _without_none(event: TraceEvent) -> dict[str, object]:
    document = serialize(event)
    return {name: value for name, value in document.items() if value is not None} if isinstance(document, dict) else {}
