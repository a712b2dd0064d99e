"""Output of `trace`: the verdict, what is certain, and a timeline."""

from __future__ import annotations

from collections.abc import Iterator

from pipectl.commands.trace import Doubt, Proof, Stage, Trace
from pipectl.failures.model import short_ids
from pipectl.failures.order_events import TraceEvent
from pipectl.failures.order_versions import MOST_VERSIONS
from pipectl.failures.status import ReplayStatus
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.output.next_commands import command_in, print_next, with_options
from pipectl.output.records import plain
from pipectl.output.serializer import dumps, serialize
from pipectl.output.table import Column
from pipectl.text import pluralize, shell_word
from pipectl.timestamps import duration, relative, rfc3339_milliseconds, short_time

_LOOK = {
    Stage.STORED: ("✓", looks.GOOD),
    Stage.WAITING: ("…", looks.WARN),
    Stage.UNSEEN: ("?", looks.UNSURE),
    Stage.REMOVED: ("-", "bold"),
    Stage.LOST: ("✗", looks.BAD),
    Stage.FAILED: ("✗", looks.BAD),
}
"""Mark and style of each stage."""
_KIND_LOOK = {"stored": looks.GOOD, "quarantined": looks.BAD, "failed": looks.BAD}
_COLUMNS = (Column("VERSION"), Column("TIME"), Column("WHEN"), Column("WHAT", flexible=True))
_LABEL = 13
_ITEM_CHARACTERS = 62
_GAVE_UP = {
    "RetryAttemptsExhausted": "retries exhausted",
    "RecordAgeExceeded": "discarded because it waited too long",
}


def result(screen: Screen, found: Trace, *, full: bool = False) -> None:
    """Print the result of `trace`; with ``full`` also the whole item, and the ids of each event."""
    if screen.json_output:
        screen.document(_document(screen, found))
        return
    mark, look = _LOOK[found.stage]
    screen.line((f"{mark} {found.stage.upper()}", look), f"  {_headline(found)}")
    for label, text in _facts(screen, found):
        screen.hanging((f"  {label:<{_LABEL}}",), (text,))
    if found.events:
        screen.line()
        screen.table(_COLUMNS, list(_rows(found)))
    if full:
        _details(screen, found)
    if commands := list(_next(found)):
        screen.line()
        print_next(screen, commands)


def verdict(found: Trace) -> str:
    """Return the stage of an order as a sentence."""
    return f"{found.stage}: {_headline(found)}"


def _headline(found: Trace) -> str:
    period = f"of the last {duration(found.period)}"
    count = f"{found.at_stage} of {pluralize(found.versions, 'version')} {period}"
    failed_at = found.failure.at if found.failure else None
    match found.stage:
        case Stage.STORED:
            words = f"{count} {_are(found)} processed and stored"
        case Stage.FAILED if not found.at_stage:
            ago = f" {relative(failed_at, found.now)}" if failed_at else ""
            words = f"a version that is no longer in the stream failed{ago}"
        case Stage.FAILED:
            words = f"{count} failed and {_are(found)} not stored"
        case Stage.LOST:
            words = f"{count} {_are(found)} neither stored nor reported as failed"
        case Stage.WAITING:
            words = f"{count} {'waits' if found.at_stage == 1 else 'wait'} for the processor"
        case Stage.UNSEEN:
            words = f"the table has it, and the stream {period} has no version of it"
        case Stage.REMOVED:
            words = f"removed from the table; no other version {period}"
    return f"{found.key}: {words}"


def _are(found: Trace) -> str:
    return "is" if found.at_stage == 1 else "are"


def _facts(screen: Screen, found: Trace) -> Iterator[tuple[str, str]]:
    """Yield what is known besides the timeline, each with its label."""
    if reason := (found.failure.reason if found.failure else found.error):
        yield "reason", reason
    if found.stopped:
        yield "waits for", screen.completed(found.stopped)
    yield "checked", _certain(found)
    for doubt in found.doubts:
        yield "not sure", screen.completed(_doubt(found, doubt))
    if found.item is None:
        yield "in the table", "no longer there"
    else:
        text = dumps({name: plain(value) for name, value in found.item.items()}, indent=None)
        yield "in the table", text if len(text) <= _ITEM_CHARACTERS else f"{text[: _ITEM_CHARACTERS - 3]}..."


def _certain(found: Trace) -> str:
    newer = "; a newer version is stored" if found.failure and found.failure.is_corrected else ""
    return f"{_proof(found)}{newer}"


def _proof(found: Trace) -> str:
    proof = found.failure.proof if found.failure else None
    match found.stage:
        case Stage.STORED:
            newest = "; the table holds the newest one" if found.is_current and found.item is not None else ""
            return f"each version has its object in the bucket{newest}"
        case Stage.FAILED if proof is Proof.QUARANTINED:
            return "the quarantine keeps the failed record; it has no object"
        case Stage.FAILED if proof is Proof.LOGGED:
            return "the processor logged that this version failed; it has no object"
        case Stage.FAILED if proof is Proof.NAMED:
            return "the failure names this version; it has no object"
        case Stage.FAILED | Stage.WAITING:
            return "it has no object" if found.stage is Stage.FAILED else "it has no object and no failure"
        case Stage.LOST:
            return "it has no object and no failure; the mapping has read past it"
        case Stage.UNSEEN:
            return "no unresolved failure names it"
        case Stage.REMOVED:
            return "the stream has its removal"


def _doubt(found: Trace, doubt: Doubt) -> str:
    """Return a reason why the stage is not certain."""
    words = {
        Doubt.UNREAD_SHARDS: f"shard {', '.join(found.unread)} was not read to its end: versions can be missing",
        Doubt.ASSUMED_SHARDS: f"{pluralize(len(found.assumed), 'open shard')} assumed to be read: "
        "the last 100 pages were empty",
        Doubt.OLDER_VERSIONS: f"older versions: only the newest {MOST_VERSIONS} were followed",
        Doubt.OLDER_FAILURES: "there are too many unresolved failures: not all were searched for this order",
        Doubt.NO_INDEX: found.gap or "",
        Doubt.RANGE: "this version lies between others that failed; it may be a good one",
        Doubt.QUEUE: "its failure may still be in the dead-letter queue: `pipectl status`",
        Doubt.YOUNG: "it is young: its invocation and the metrics take minutes",
        Doubt.PROGRESS: f"progress of the processor: {found.unknown}",
        Doubt.EXPIRED: "an older version is stored: objects are not found by key",
    }
    return words[doubt]


def _rows(found: Trace) -> Iterator[tuple[str, str, str, Line]]:
    previous: TraceEvent | None = None
    for event in found.events:
        same = previous is not None and previous.version == event.version is not None
        when = f"+{duration(event.time - previous.time)}" if same and previous else relative(event.time, found.now)
        version = f"v{event.version}" if event.version else "older"
        head, rest = _what(event)
        yield version, short_time(event.time, found.now), when, ((head, _KIND_LOOK.get(event.kind, "")), rest)
        previous = event


def _what(event: TraceEvent) -> tuple[str, str]:
    """Return what happened: the words that get a colour, and the rest."""
    error = f": {event.error}" if event.error else ""
    identity = f"failure {short_ids([event.audit_id])[event.audit_id]}" if event.audit_id else ""
    match event.kind:
        case "stored":
            return "processed and stored", f" as {(event.object or '').rpartition('/')[2]}"
        case "quarantined":
            return "failed", f"{error}; kept in the quarantine"
        case "failed":
            count = (
                f" after {pluralize(event.tries, 'try') if event.tries == 1 else f'{event.tries:,} tries'}"
                if event.tries
                else ""
            )
            words = _GAVE_UP.get(str(event.failure_type), f"failed ({event.failure_type})")
            now = "" if event.status is ReplayStatus.OPEN else "now "
            older = error if event.version is None else ""
            return words, f"{count}; audited as {identity}, {now}{event.status}{older}"
        case "replayed":
            return "replayed", f" ({identity}): {_replayed(event)}"
        case "resolved":
            return "resolved", f"{f' by {event.by}' if event.by else ''}{error}"
        case "removed":
            return "removed", " from the table"
    return event.kind, ""


def _replayed(event: TraceEvent) -> str:
    if event.error:
        return f"failed again: {event.error}"
    match event.status:
        case ReplayStatus.PARTIAL:
            return "other records of the failure failed again"
        case ReplayStatus.FAILED:
            return "failed again"
        case ReplayStatus.EXPIRED:
            return "its record was gone"
    return "done"


def _next(found: Trace) -> Iterator[str]:
    """Yield the commands that help."""
    key = shell_word(found.key)
    if found.stage is Stage.FAILED and (failure := found.failure):
        audit_id = shell_word(short_ids([failure.audit_id])[failure.audit_id])
        yield f"pipectl audit show {audit_id}"
        if failure.is_corrected and failure.is_unresolved:  # a replay would use the order as it failed
            yield f"pipectl audit resolve {audit_id} --reason TEXT"
        else:
            yield f"pipectl replay-dlq --id {audit_id}{'' if failure.is_unresolved else ' --force'}"
    elif found.stage is Stage.LOST:
        yield "pipectl verify --repair"
    elif found.stage is Stage.WAITING:
        yield command_in(found.stopped or "") or "pipectl status"
    elif found.stage is Stage.UNSEEN:
        yield f"pipectl audit show {key}"


def _details(screen: Screen, found: Trace) -> None:
    """Print the whole item, and the ids and places of each event."""
    screen.line()
    if found.item is not None:
        screen.line(dumps(found.item, indent=None))
    for event in found.events:
        ids = {
            "sequence number": event.sequence_number and event.sequence_number.text,
            "record": event.event_id,
            "shard": event.shard_id,
            "failure": event.audit_id,
            "object": event.object,
        }
        named = ", ".join(f"{name} {value}" for name, value in ids.items() if value)
        screen.line(f"{rfc3339_milliseconds(event.time)}  {event.kind:<11}  {named}")


def _document(screen: Screen, found: Trace) -> dict[str, object]:
    return {
        "key": found.key,
        "item": found.item,
        "stage": found.stage,
        "verdict": verdict(found),
        "certain": not found.doubts,
        "doubts": [{"code": each, "message": screen.completed(_doubt(found, each))} for each in found.doubts],
        "versions": found.versions,
        "atStage": found.at_stage,
        "failure": found.failure,
        "error": found.error,
        "stopped": screen.completed(found.stopped) if found.stopped else None,
        "unknown": screen.completed(found.unknown) if found.unknown else None,
        "events": [_without_none(event) for event in found.events],
        "next": with_options(screen, _next(found)),
        "more": found.more,
        "unread": found.unread,
        "assumed": found.assumed,
    }


def _without_none(event: TraceEvent) -> dict[str, object]:
    document = serialize(event)
    return {name: value for name, value in document.items() if value is not None} if isinstance(document, dict) else {}
