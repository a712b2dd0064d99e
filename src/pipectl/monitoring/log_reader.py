"""Reads the functions' log groups from CloudWatch Logs, within its quota."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from pipectl.aws.log_entries import LogEntry, parse_entry
from pipectl.context import Context
from pipectl.errors import AbsentError
from pipectl.resource_keys import ResourceKey
from pipectl.text import pluralize

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import (
        FilteredLogEventTypeDef,
        FilterLogEventsRequestPaginateTypeDef,
        FilterLogEventsResponseTypeDef,
    )

CALL_SECONDS = 0.25
"""Seconds between two calls: FilterLogEvents can be called 5 times a second in an account and region, by everybody."""
MOST_STREAMS = 100
"""Log streams that one call can name."""


@dataclass(frozen=True)
class LogLine:
    """An event of a function's log group.

    Attributes:
        time: When the function wrote it.
        function: ``processor`` or ``auditor``.
        message: The text as it is.
        event_id: Unique, also among equal lines.
        stream: Its log stream.
        partition_key: The name of the orders' partition key.
    """

    time: datetime
    function: str
    message: str
    event_id: str
    stream: str = ""
    partition_key: str = "orderId"

    @cached_property
    def entry(self) -> LogEntry:
        """The content of the line: its text, level and invocation."""
        return parse_entry(self.message)

    @cached_property
    def orders(self) -> tuple[str, ...]:
        """The keys of the orders that the line names."""
        return self.entry.orders(self.partition_key)


class LogReader:
    """Reads lines, and counts the pages.

    Args:
        context: The pipeline.
        most_pages: Pages after which reading stops; ``None`` for no limit.
    """

    def __init__(self, context: Context, most_pages: int | None = None) -> None:
        self._context = context
        self._most_pages = most_pages
        self._next_call = 0.0
        self._read = 0
        self.pages = 0
        self.stopped = False

    def lines(
        self,
        functions: Collection[str],
        since: datetime,
        until: datetime | None = None,
        pattern: str | None = None,
        streams: Collection[str] = (),
    ) -> list[LogLine]:
        """Return lines in the order of time; lines of the same time keep their order.

        Args:
            functions: ``processor``, ``auditor`` or both.
            since: Start time.
            until: End time; ``None`` for no limit.
            pattern: A filter pattern of CloudWatch Logs.
            streams: Log streams, `MOST_STREAMS` at most; empty for all.
        """
        names = self._context.pipeline.physical
        found: list[LogLine] = []
        for function in functions:
            group = names.processor_log_group if function == ResourceKey.PROCESSOR else names.auditor_log_group
            request: FilterLogEventsRequestPaginateTypeDef = {
                "logGroupName": group,
                "startTime": _milliseconds(since),
            }
            if until:
                request["endTime"] = _milliseconds(until)
            if pattern:
                request["filterPattern"] = pattern
            if streams:
                request["logStreamNames"] = list(streams)
            found += self._lines(function, request)
        return sorted(found, key=lambda line: line.time)

    def _lines(self, function: str, request: FilterLogEventsRequestPaginateTypeDef) -> Iterator[LogLine]:
        without_id, partition_key = Counter[str](), self._context.config.orders_table.partition_key
        try:
            for page in self._pages(function, request):
                self._read += len(page["events"])
                for event in page["events"]:
                    yield _line(function, event, without_id, partition_key)
        except AbsentError as error:
            error.hint = "`pipectl up` creates the log group"
            raise

    def _pages(
        self, function: str, request: FilterLogEventsRequestPaginateTypeDef
    ) -> Iterator[FilterLogEventsResponseTypeDef]:
        clock = self._context.aws.clock
        pages = iter(self._context.aws.logs.get_paginator("filter_log_events").paginate(**request))
        page: FilterLogEventsResponseTypeDef | None = None
        while page is None or "nextToken" in page:
            if self.pages == self._most_pages:
                self.stopped = True
                return
            if (early := self._next_call - clock.monotonic()) > 0:
                clock.sleep(early)
            self._next_call = clock.monotonic() + CALL_SECONDS
            page = next(pages, None)
            if page is None:
                return
            self.pages += 1
            yield page
            if "nextToken" in page:
                self._context.reporter.step(f"Reading the log of the {function}: {pluralize(self._read, 'line')}")


def _milliseconds(time: datetime) -> int:
    """Return a time as CloudWatch Logs takes it: none before 1970, which an item that was written by hand can have."""
    return max(round(time.timestamp() * 1000), 0)


def _line(function: str, event: FilteredLogEventTypeDef, without_id: Counter[str], partition_key: str) -> LogLine:
    """Return an event as a line. Some emulators give no ids; the content and a count are the id then."""
    event_id, stream = event.get("eventId"), event.get("logStreamName", "")
    if not event_id:
        content = f"{function} {stream} {event['timestamp']} {event['message']}"
        without_id[content] += 1
        event_id = f"{without_id[content]} {content}"
    time = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return LogLine(time, function, event["message"].rstrip("\n"), event_id, stream, partition_key)
