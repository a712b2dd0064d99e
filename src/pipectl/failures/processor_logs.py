"""Failures in the log of the processor: reasons by sequence number, and the lines of one invocation.

Each reading is bounded. A log group that is absent, or that must not be read, is a problem to report and no error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pipectl.aws.client import Aws
from pipectl.aws.log_entries import Invocations, LogEntry, parse_entry, reason_of_batch
from pipectl.errors import AwsError
from pipectl.failures.model import SequenceNumber
from pipectl.failures.sdk_errors import brief_reason

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef, FilterLogEventsRequestPaginateTypeDef

NUMBERS_AT_ONCE = 15
"""Sequence numbers of one filter pattern, which has 1,024 characters at most."""
MOST_NUMBERS = 2 * NUMBERS_AT_ONCE
_MOST_PAGES = 2
"""Pages of one reading; CloudWatch Logs also returns empty pages while it searches."""
_MOST_LINES = 30
_LATE = timedelta(minutes=1)
"""An invocation logs its failure at most this long before its message, and after the time in it."""
_AROUND = timedelta(seconds=3)
_INIT_REPORT = "INIT_REPORT"
_FRAMES = "Traceback (most recent call last):"
_MOST_PERIODS = 3
"""Periods in which invocations are looked for by their ids, the newest ones."""


@dataclass(frozen=True)
class LoggedFailure:
    """A record that the processor logged as failed. Values that are missing or of another type are ``None``."""

    reason: str | None
    keys: object
    request_id: str | None
    at: datetime


@dataclass(frozen=True)
class Excerpt:
    """Log lines of one invocation.

    Attributes:
        lines: The lines, in order.
        problem: The reason why there are none, where the log could not be read.
    """

    lines: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def brief(self) -> tuple[str, ...]:
        """The lines as `logs` shows them, without the frames of a traceback.

        The exception of the invocation names its first record, often another one; it is left out if it says no more.
        """
        shown = (line for line in self.lines if line and not line[0].isspace() and line != _FRAMES)
        entries = [parse_entry(line) for line in shown]
        said = {entry.text for entry in entries}
        return tuple(
            f"{entry.level} {brief_reason(entry.text)}".strip()
            for entry in entries
            if reason_of_batch(entry.text) not in said
        )


@dataclass(frozen=True)
class LoggedFailures:
    """Failures of the log by sequence number.

    Attributes:
        found: The last one of each number.
        problem: The reason why the log could not be read.
    """

    found: Mapping[int, LoggedFailure]
    problem: str | None = None


@dataclass(frozen=True)
class LoggedErrors:
    """Errors of the log by invocation.

    Attributes:
        found: The first error of each.
        problem: The reason why the log could not be read.
    """

    found: Mapping[str, str]
    problem: str | None = None


class ProcessorLogs:
    """Reads the processor's log group.

    Args:
        aws: The account and region of the log group.
        group: Its name.
    """

    def __init__(self, aws: Aws, group: str) -> None:
        self._aws = aws
        self._group = group

    def failures(self, numbers: Sequence[SequenceNumber], since: datetime, until: datetime) -> LoggedFailures:
        """Return what the log has on records, of which `MOST_NUMBERS` are looked for."""
        found: dict[int, LoggedFailure] = {}
        try:
            for at in range(0, min(len(numbers), MOST_NUMBERS), NUMBERS_AT_ONCE):
                wanted = {number.value: number for number in numbers[at : at + NUMBERS_AT_ONCE]}
                pattern = " || ".join(f'$.sequenceNumber = "{number}"' for number in wanted.values())
                for event in self._events(since - _LATE, until + _LATE, f"{{ {pattern} }}"):
                    if (failed := _failure(event)) and failed[0] in wanted:
                        found[failed[0]] = failed[1]
        except AwsError as error:
            return LoggedFailures(found, error.message)
        return LoggedFailures(found)

    def invocation(self, request_id: str, failed_at: datetime, numbers: Collection[int] = ()) -> Excerpt:
        """Return the lines that an invocation printed, without those of Lambda itself.

        Lines of a traceback do not name the invocation: they are between its first and last line, in its log stream.

        Args:
            request_id: The id of the invocation.
            failed_at: The time of the failure.
            numbers: Sequence numbers of the records that are of interest: lines about other records of the batch are
                left out. As a default all are of interest.
        """
        try:
            events = list(self._events(failed_at - _AROUND, failed_at + _AROUND))
        except AwsError as error:
            return Excerpt(problem=error.message)
        streams = {event.get("logStreamName") for event in events if request_id in event["message"]}
        lines = [event["message"].rstrip() for event in events if event.get("logStreamName") in streams]
        named = [at for at, line in enumerate(lines) if request_id in line]
        own = lines[named[0] : named[-1] + 1] if named else []
        shown = (line for line in own if _is_shown(parse_entry(line), numbers))
        return Excerpt(tuple(islice(shown, _MOST_LINES)))

    def errors(self, requests: Mapping[str, datetime]) -> LoggedErrors:
        """Return the error of each invocation that reported none for a record, such as an import error or a timeout.

        Such lines do not name a record, and often no invocation. An error while none runs, such as one of an import,
        is that of the next one in the log stream.

        Args:
            requests: The ids of invocations, and the times of their failures.
        """
        found: dict[str, str] = {}
        invocations, early = Invocations(), dict[str, LogEntry]()
        try:
            for since, until in _periods(requests.values()):
                for event in self._events(since, until):
                    stream, entry = event.get("logStreamName", ""), parse_entry(event["message"])
                    request = invocations.request_of(stream, entry)
                    if request is None and entry.is_error:
                        early.setdefault(stream, entry)
                    elif (
                        request
                        and (error := early.pop(stream, entry)).is_error
                        # A report about the start is general: the error of the invocation has the cause.
                        and found.get(request, _INIT_REPORT).startswith(_INIT_REPORT)
                    ):
                        found[request] = error.text
        except AwsError as error:
            return LoggedErrors(found, error.message)
        return LoggedErrors({request: text for request, text in found.items() if request in requests})

    def _events(self, since: datetime, until: datetime, pattern: str = "") -> Iterator[FilteredLogEventTypeDef]:
        request: FilterLogEventsRequestPaginateTypeDef = {
            "logGroupName": self._group,
            "startTime": max(round(since.timestamp() * 1000), 0),
            "endTime": max(round(until.timestamp() * 1000), 0),
        }
        if pattern:
            request["filterPattern"] = pattern
        pages = self._aws.logs.get_paginator("filter_log_events").paginate(**request)
        for page in islice(pages, _MOST_PAGES):
            yield from page["events"]


def _periods(times: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the periods around times, those that are near each other as one; the newest ones."""
    periods: list[tuple[datetime, datetime]] = []
    for time in sorted(times):
        if periods and time - periods[-1][1] <= _LATE:
            periods[-1] = (periods[-1][0], time + _AROUND)
        else:
            periods.append((time - _AROUND, time + _AROUND))
    return periods[-_MOST_PERIODS:]


def _failure(event: FilteredLogEventTypeDef) -> tuple[int, LoggedFailure] | None:
    """Return the sequence number and the failure of a line of the processor; ``None`` for any other line."""
    entry = parse_entry(event["message"])
    number = SequenceNumber.parse(entry.fields.get("sequenceNumber"))
    if number is None:
        return None
    reason = entry.fields.get("reason")
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    found = reason if isinstance(reason, str) else None
    return number.value, LoggedFailure(found, entry.fields.get("keys"), entry.request_id, at)


def _is_shown(entry: LogEntry, numbers: Collection[int]) -> bool:
    """Return whether a line is neither one of Lambda's own nor about a record that is not of interest."""
    number = SequenceNumber.parse(entry.fields.get("sequenceNumber"))
    return not entry.is_routine and (not numbers or number is None or number.value in numbers)
