"""`logs`: what the functions wrote, from CloudWatch Logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipectl.context import Context
from pipectl.errors import AbsentError

FOLLOW_SECONDS = 2.0
LATE = timedelta(seconds=30)
"""CloudWatch Logs shows a line up to some seconds after its own time; following looks back this far again."""


@dataclass(frozen=True)
class LogLine:
    """One event of a function's log group. ``event_id`` tells it from every other, equal ones too."""

    time: datetime
    function: str
    message: str
    event_id: str


def lines(
    context: Context, functions: Collection[str], since: datetime, until: datetime | None, pattern: str | None
) -> list[LogLine]:
    """The lines of the functions (``processor``, ``auditor``) in order of time, else as they came. Reads only.

    Args:
        context: The pipeline.
        functions: Whose.
        since: The earliest.
        until: The latest; ``None`` for all there is.
        pattern: A filter pattern of CloudWatch Logs.

    Raises:
        PipectlError: a log group is not there, or not ours.
    """
    context.require([f"{function}-log-group" for function in functions])
    return _lines(context, functions, since, until, pattern)


def follow(context: Context, functions: Collection[str], since: datetime, pattern: str | None) -> Iterator[LogLine]:
    """The same, and then whatever is written, until interrupted."""
    context.require([f"{function}-log-group" for function in functions])
    seen: dict[str, datetime] = {}
    while True:
        for line in _lines(context, functions, since, None, pattern):
            if line.event_id not in seen:
                seen[line.event_id] = line.time
                yield line
        if seen:
            since = max(since, max(seen.values()) - LATE)
            seen = {event_id: time for event_id, time in seen.items() if time >= since}
        context.aws.clock.sleep(FOLLOW_SECONDS)


def _lines(
    context: Context, functions: Collection[str], since: datetime, until: datetime | None, pattern: str | None
) -> list[LogLine]:
    found = [line for function in functions for line in _read(context, function, since, until, pattern)]
    return sorted(found, key=lambda line: line.time)


def _read(
    context: Context, function: str, since: datetime, until: datetime | None, pattern: str | None
) -> Iterator[LogLine]:
    group = context.resources[f"{function}-log-group"].name
    request: dict[str, Any] = {"logGroupName": group, "startTime": round(since.timestamp() * 1000)}
    if until:
        request["endTime"] = round(until.timestamp() * 1000)
    if pattern:
        request["filterPattern"] = pattern
    nameless: Counter[str] = Counter()
    try:
        for page in context.aws.logs.get_paginator("filter_log_events").paginate(**request):
            for event in page["events"]:
                time = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                event_id = event.get("eventId")
                if not event_id:
                    # Not every emulator gives ids; a line is then known by what it says, when, and how often before.
                    said = f"{function} {event.get('logStreamName')} {event['timestamp']} {event['message']}"
                    nameless[said] += 1
                    event_id = f"{nameless[said]} {said}"
                yield LogLine(time, function, event["message"].rstrip("\n"), event_id)
    except AbsentError as error:
        error.hint = f"there is no log group {group}: `pipectl up` makes it"
        raise
