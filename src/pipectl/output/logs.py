"""The results of `logs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from pipectl.aws.log_entries import reason_of_batch
from pipectl.commands.logs import LogReport, Search, SearchedFailure
from pipectl.failures.model import short_id
from pipectl.monitoring.log_reader import LogLine
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.text import pluralize
from pipectl.timestamps import duration, rfc3339, rfc3339_milliseconds, short_time

REPEATS_AFTER = timedelta(seconds=10)
"""Time after which a followed log reports repeats, where no other line comes before."""
SAME_WITHIN = timedelta(minutes=5)
"""Time after which an equal line is printed as a new one."""
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_LEVEL_LOOK = {
    "ERROR": looks.BAD,
    "CRITICAL": looks.BAD,
    "FATAL": looks.BAD,
    "WARN": looks.WARN,
    "WARNING": looks.WARN,
}
_PLAIN = re.compile(r"[\w.:/@+-]+", re.ASCII)
_Content: TypeAlias = "tuple[str, ...]"


@dataclass
class _Repeats:
    """Equal lines: the first one, their number, and the time of the last one."""

    line: LogLine
    count: int = 0
    last: datetime | None = None

    def add(self, line: LogLine) -> None:
        self.count += 1
        self.last = line.time


def result(screen: Screen, report: LogReport) -> None:
    if screen.json_output:
        screen.document(_report_document(report))
        return
    if report.search.routine:
        for line in report.lines:
            _raw(screen, line)
    else:
        _Entries(screen).show(_collapsed(report.lines).values(), report.read_at)
    for note in _notes(report):
        screen.note(screen.completed(note))
    for problem in report.failure.problems if report.failure else ():
        screen.note(f"Not read: {problem}")
    if not report.lines:
        _nothing(screen, report)


class Follower:
    """Prints the lines of a log that is followed. An equal line is counted, and reported before the next other line."""

    def __init__(self, screen: Screen, search: Search) -> None:
        self._screen = screen
        self._raw = search.routine
        self._entries = _Entries(screen)
        self._shown: dict[_Content, datetime] = {}
        self._repeated: dict[_Content, _Repeats] = {}
        self._since: datetime | None = None

    def show(self, lines: Sequence[LogLine], now: datetime) -> None:
        """Print the lines of one poll, in the order of time."""
        if self._screen.json_output:
            for line in lines:
                self._screen.json_line(_document(line))
        elif self._raw:
            for line in lines:
                _raw(self._screen, line)
        else:
            self._show(lines, now)

    def end(self, now: datetime) -> None:
        """Print the repeats that were not reported yet."""
        for repeats in sorted(self._repeated.values(), key=lambda each: each.last or now):
            last = repeats.last or now
            words = f"{repeats.count} more x, last {short_time(last, now)}: {repeats.line.entry.text}"
            self._screen.hanging(_prefix(last, repeats.line, now), (words,))
        self._repeated.clear()
        self._since = None

    def _show(self, lines: Sequence[LogLine], now: datetime) -> None:
        self._shown = {content: time for content, time in self._shown.items() if now - time < SAME_WITHIN}
        for content, repeats in _collapsed(lines).items():
            if content in self._shown:
                self._repeated.setdefault(content, _Repeats(repeats.line)).count += repeats.count
                self._repeated[content].last = repeats.last
                self._since = self._since or now
            else:
                self.end(now)
                self._entries.show([repeats], now)
            self._shown[content] = now
        if self._since and now - self._since >= REPEATS_AFTER:
            self.end(now)


class _Entries:
    """Prints entries. An equal traceback is printed once."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._details: set[tuple[str, ...]] = set()

    def show(self, entries: Iterable[_Repeats], now: datetime) -> None:
        for repeats in entries:
            self._show(repeats, now)

    def _show(self, repeats: _Repeats, now: datetime) -> None:
        line, entry = repeats.line, repeats.line.entry
        body: list[str | tuple[str, str]] = [entry.text]
        if line.orders and "keys" in entry.fields:
            body = ["order ", (", ".join(line.orders), "bold"), f": {entry.text}"]
        if repeats.count > 1:
            last = short_time(repeats.last or line.time, now)
            body.append(f"  ({repeats.count:,} x, last {last})")
        if entry.details in self._details:
            body.append(("  (same details as above)", looks.LESS))
        prefix = _prefix(line.time, line, now)
        self._screen.hanging(prefix, tuple(body))
        if entry.details not in self._details:
            indent = " " * (sum(len(part if isinstance(part, str) else part[0]) for part in prefix) + 2)
            for detail in entry.details:
                self._screen.hanging((indent,), (detail.replace("\t", "  "),))
        if entry.details:
            self._details.add(entry.details)


def _collapsed(lines: Sequence[LogLine]) -> dict[_Content, _Repeats]:
    """Return equal lines together, in the order of the first of each."""
    reported = {(line.orders, line.entry.text) for line in lines if line.orders}
    found: dict[_Content, _Repeats] = {}
    for line in lines:
        if (line.orders, reason_of_batch(line.entry.text)) in reported:
            continue
        content = (line.function, line.entry.level, line.entry.text, *line.entry.details)
        found.setdefault((*content, *line.orders), _Repeats(line)).add(line)
    return found


def _prefix(time: datetime, line: LogLine, now: datetime) -> Line:
    level = line.entry.level
    return (
        short_time(time, now),
        (f" {line.function:<9} ", looks.FUNCTIONS[line.function]),
        (f"{level:<5} ", _LEVEL_LOOK.get(level, "")),
    )


def _raw(screen: Screen, line: LogLine) -> None:
    """Print a line as it is. Its further lines are indented."""
    first, *others = _LINE_BREAK.split(line.message.replace("\t", "  ").rstrip())
    time = rfc3339(line.time)
    screen.line(time, (f" {line.function:<9} ", looks.FUNCTIONS[line.function]), first)
    for other in others:
        screen.line(f"{' ' * (len(time) + 11)}{other}")


def _notes(report: LogReport) -> Iterable[str]:
    """Yield what a user has to know about the search."""
    if not report.complete:
        pages = pluralize(report.pages, "page")
        shorter = "`pipectl logs --order KEY` takes --since." if report.failure else "Use a later --since."
        yield f"Stopped after {pages} of the log: the newest lines may be missing. {shorter}"
    elif not report.whole_invocations:
        yield "Of older invocations, only the lines that name the order are shown."
    if report.failure and report.failure.more:
        searched = len(report.failure.numbers) + len(report.failure.requests)
        yield f"Searched for {searched} of {searched + report.failure.more} sequence numbers and request ids."


def _nothing(screen: Screen, report: LogReport) -> None:
    """Print that no line was found, what was searched, and where to look next."""
    search, end = report.search, report.search.until or report.read_at
    groups = " and ".join(f"the {function}" for function in search.functions)
    age = f"{rfc3339(search.since)} to {rfc3339(end)} ({duration(end - search.since)})"
    screen.note(f"No {_wanted(report)} in the log of {groups}, {age}.")
    screen.note(screen.completed(_next(report)))


def _wanted(report: LogReport) -> str:
    search, kind = report.search, "errors" if report.search.errors else "lines"
    if report.failure:
        return f"{kind} about failure {short_id(report.failure.audit_id)}"
    if search.order is not None:
        return f"{kind} about order {search.order}"
    return f"{kind} that match {search.pattern}" if search.pattern else kind


def _next(report: LogReport) -> str:
    search = report.search
    if report.failure:
        return f"`pipectl audit show {_typed(short_id(report.failure.audit_id), 'ID')}` shows what else is known."
    if search.order is not None:
        trace = f"`pipectl trace {_typed(search.order, 'KEY')}`"
        return f"The processor logs the orders that fail. {trace} shows where an order is."
    return "A longer --since, such as --since 24h, searches more. `pipectl status` shows whether orders fail."


def _typed(value: str, name: str) -> str:
    """Return a value that can be pasted into a command, else its name in the help."""
    return value if _PLAIN.fullmatch(value) else name


def _report_document(report: LogReport) -> dict[str, object]:
    search = report.search
    return {
        "events": [_document(line) for line in report.lines],
        "searched": {
            "functions": search.functions,
            "since": search.since,
            "until": search.until or report.read_at,
            "pages": report.pages,
            "complete": report.complete and report.whole_invocations,
            "failure": _failure_document(report.failure) if report.failure else None,
        },
    }


def _failure_document(failure: SearchedFailure) -> dict[str, object]:
    return {
        "auditId": failure.audit_id,
        "sequenceNumbers": failure.numbers,
        "requestIds": failure.requests,
        "more": failure.more,
        "problems": failure.problems,
    }


def _document(line: LogLine) -> dict[str, object]:
    """Return a line as it is, with what it reports."""
    return {
        "time": rfc3339_milliseconds(line.time),
        "function": line.function,
        "message": line.message,
        "level": line.entry.level or None,
        "text": line.entry.text,
        "requestId": line.entry.request_id,
        "orders": line.orders,
        "isError": line.entry.is_error,
    }
