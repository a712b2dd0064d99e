"""`logs`: log lines of the functions, from CloudWatch Logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipectl.context import Context
from pipectl.errors import AbsentError
from pipectl.resource_keys import LOG_GROUP_OF, ResourceKey

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef, FilterLogEventsRequestPaginateTypeDef

FOLLOW_SECONDS = 2.0
LATE = timedelta(seconds=30)
"""CloudWatch Logs reports a line up to some seconds after its time; `follow` reads again from this long before."""
PAGE_SECONDS = 0.2
"""FilterLogEvents can be called 5 times a second in an account."""


@dataclass(frozen=True)
class LogLine:
    """An event of a function's log group. ``event_id`` is unique, also among equal lines."""

    time: datetime
    function: str
    message: str
    event_id: str


def lines(
    context: Context, functions: Collection[str], since: datetime, until: datetime | None, pattern: str | None
) -> list[LogLine]:
    """Return log lines in the order of time; lines of the same time keep their order. Reads only.

    Args:
        context: The pipeline.
        functions: ``processor``, ``auditor`` or both.
        since: Start time.
        until: End time; ``None`` for no limit.
        pattern: A filter pattern of CloudWatch Logs.

    Raises:
        RequirementError: a log group is missing, or is not managed by this pipeline.
    """
    context.require([LOG_GROUP_OF[function] for function in functions])
    return _lines(context, functions, since, until, pattern)


def follow(context: Context, functions: Collection[str], since: datetime, pattern: str | None) -> Iterator[LogLine]:
    """Yield log lines, and then every new one until interrupted; see `lines` for the arguments."""
    context.require([LOG_GROUP_OF[function] for function in functions])
    seen: dict[str, datetime] = {}
    while True:
        read_at = context.aws.now()
        for line in _lines(context, functions, since, None, pattern):
            if line.event_id not in seen:
                seen[line.event_id] = line.time
                yield line
        since = max(since, read_at - LATE)
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
    names = context.pipeline.physical
    group = names.processor_log_group if function == ResourceKey.PROCESSOR else names.auditor_log_group
    request: FilterLogEventsRequestPaginateTypeDef = {
        "logGroupName": group,
        "startTime": round(since.timestamp() * 1000),
    }
    if until:
        request["endTime"] = round(until.timestamp() * 1000)
    if pattern:
        request["filterPattern"] = pattern
    without_id: Counter[str] = Counter()
    try:
        for page in context.aws.logs.get_paginator("filter_log_events").paginate(**request):
            context.aws.clock.sleep(PAGE_SECONDS)
            for event in page["events"]:
                yield _line(function, event, without_id)
    except AbsentError as error:
        error.hint = "`pipectl up` creates the log group"
        raise


def _line(function: str, event: FilteredLogEventTypeDef, without_id: Counter[str]) -> LogLine:
    """Return an event as a line. Some emulators give no ids; the content and a count are the id then."""
    event_id = event.get("eventId")
    if not event_id:
        content = f"{function} {event.get('logStreamName')} {event['timestamp']} {event['message']}"
        without_id[content] += 1
        event_id = f"{without_id[content]} {content}"
    time = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return LogLine(time, function, event["message"].rstrip("\n"), event_id)
