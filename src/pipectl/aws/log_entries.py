"""Lines of a function's log, as the runtimes of Lambda, the shipped handlers and usual loggers write them. Pure.

Python and Node.js are understood, in Lambda's text and JSON formats. Any other line is kept as its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_ERRORS = ("ERROR", "CRITICAL", "FATAL")
_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
_PLATFORM = re.compile(
    r"(START|END|REPORT|(?:INIT|RESTORE)_(?:START|REPORT)|EXTENSION|TELEMETRY|LOGS)[ \t]"
    r"((?:RequestId|Runtime Version|(?:Init|Restore) Duration|Name): .*)",
    re.DOTALL,
)
_BROKEN = re.compile(r"\bStatus: (?:error|timeout|failure)\b")
_OF_REQUEST = re.compile(r"RequestId: ([\w-]+)[ \t]*")
_BY_CONSOLE = re.compile(rf"{_TIME}\t(\S+)\t([A-Z]+)\t(.*)", re.DOTALL)
_BY_LOGGER = re.compile(rf"\[([A-Z]+)\]\t{_TIME}\t(\S*)\t(.*)", re.DOTALL)
_TIMED_OUT = re.compile(rf"(?:{_TIME} ([\w-]+) )?(Task timed out after .*)", re.DOTALL)
_CRASHED = re.compile(r"RequestId: ([\w-]+) ((?:Error: |Process exited).*)", re.DOTALL)
_RAISED = re.compile(rf"\[({'|'.join(_ERRORS)})\] (.*)", re.DOTALL)
_OF_BATCH = re.compile(r"BatchError: .* failed: (.*?)(?: \(\d+ more of the batch failed\))?")
_OF_TRACEBACK = re.compile(
    r"Traceback \(most recent call last\):|(?:[A-Za-z_$][\w$]*\.)*(?:[A-Z]\w*)?(?:Error|Exception)(?::|$)"
    r'|\s+File ".+", line \d+|\s+at .+:\d+:\d+\)?$'
)
"""Beginnings of the lines of a traceback that was printed line by line."""
_SHOWN = frozenset(
    ("level", "message", "reason", "keys", "requestId", "timestamp", "time", "eventId", "sequenceNumber")
) | {"errorType", "errorMessage", "stackTrace", "stack", "trace", "location", "logger"}
"""Members of a JSON line that are shown in another way, or that are not for people."""
_RECORD_FAILED = "record failed"
"""The message of the shipped processor about a record; the reason is enough."""


@dataclass(frozen=True)
class LogEntry:
    """A line of a log, and what it reports.

    Attributes:
        text: Its first line, without time, level and request id.
        details: Further lines, such as a traceback.
        level: The level that the line names, such as ``ERROR``; empty without one.
        request_id: The invocation that the line names, if it names one.
        is_error: A failed record, an exception, a timeout, a crash, or a line with such a level.
        is_routine: A line of Lambda about an invocation without an error, such as START and REPORT, or an empty line.
        ends: The last line of an invocation.
        fields: The members of a line of JSON; else empty.
    """

    text: str
    details: tuple[str, ...] = ()
    level: str = ""
    request_id: str | None = None
    is_error: bool = False
    is_routine: bool = False
    ends: bool = False
    fields: Mapping[str, object] = field(default_factory=dict)

    def orders(self, partition_key: str) -> tuple[str, ...]:
        """Return the keys of the orders that the line names, as people type them.

        Args:
            partition_key: The name of the orders' partition key.
        """
        keys = self.fields.get("keys")
        values = [keys.get(partition_key) if isinstance(keys, Mapping) else self.fields.get(partition_key)]
        values += (value for line in (self.text, *self.details) for value in _named(line, partition_key))
        return tuple(dict.fromkeys(key for key in map(_plain, values) if key is not None))


class Invocations:
    """The invocations that run in log streams, while their lines are read in the order of time.

    A log stream holds one invocation after the other, and not every line names its invocation.
    """

    def __init__(self) -> None:
        self._running: dict[str, str] = {}

    def request_of(self, stream: str, entry: LogEntry) -> str | None:
        """Return the invocation of the next line: the one that it names, else the one that runs in its log stream."""
        if entry.request_id:
            self._running[stream] = entry.request_id
        request = self._running.get(stream)
        if entry.ends:
            self._running.pop(stream, None)
        return request


def parse_entry(message: str) -> LogEntry:
    """Return what a line reports. Every text is a line."""
    text = message.rstrip()
    if text.startswith("{") and (entry := _json_entry(text)):
        return entry
    if found := _PLATFORM.match(text):
        return _platform(found[1], found[2])
    if found := _BY_CONSOLE.fullmatch(text):
        return _logged(found[2], found[1], found[3])
    if found := _BY_LOGGER.fullmatch(text):
        return _logged(found[1], found[2], found[3])
    if found := _TIMED_OUT.fullmatch(text) or _CRASHED.fullmatch(text):
        return _error("ERROR", found[1], found[2])
    if found := _RAISED.fullmatch(text):
        return _error(found[1], None, found[2])
    return replace(_lines(text), is_error=bool(_OF_TRACEBACK.match(text)), is_routine=not text)


def reason_of_batch(text: str) -> str | None:
    """Return the reason in the exception with which the shipped processor fails an invocation.

    It repeats the line of the first record that failed.
    """
    found = _OF_BATCH.fullmatch(text)
    return found[1] if found else None


def _platform(kind: str, rest: str) -> LogEntry:
    found = _OF_REQUEST.search(rest)
    broken = bool(_BROKEN.search(rest))
    words = " ".join(_OF_REQUEST.sub("", rest).split("\t")).strip()
    return replace(
        _lines(f"{kind} {words}".strip()),
        level="ERROR" if broken else "",
        request_id=found[1] if found else None,
        is_error=broken,
        is_routine=not broken,
        ends=kind == "REPORT",
    )


def _logged(level: str, request_id: str, text: str) -> LogEntry:
    """Return a line of a logger of Lambda's. Node.js appends an error that nobody caught as JSON."""
    words, brace, _ = text.partition("{")
    members = _object(text[len(words) :]) if brace else {}
    if "errorType" in members:
        entry = replace(_exception(members), level=level)
    else:
        entry = replace(_lines(text), level=level, is_error=level in _ERRORS)
    return replace(entry, request_id=request_id if request_id and request_id != "undefined" else None)


def _error(level: str, request_id: str | None, text: str) -> LogEntry:
    return replace(_lines(text), level=level, request_id=request_id, is_error=True)


def _lines(text: str) -> LogEntry:
    first, *others = _LINE_BREAK.split(text.strip("\r\n"))
    return LogEntry(first.rstrip(), tuple(line.rstrip() for line in others))


def _json_entry(text: str) -> LogEntry | None:
    members = _object(text)
    if not members:
        return None
    kind, record = members.get("type"), members.get("record")
    if isinstance(kind, str) and kind.startswith("platform.") and isinstance(record, Mapping):
        return _platform_event(kind, record)
    inner = members.get("message")
    reported = inner if isinstance(inner, Mapping) and "errorType" in inner else members
    request_id = _text(members, "requestId") or _text(members, "function_request_id")
    level = _text(members, "level").upper()
    if "errorType" in reported:
        entry = _exception(reported)
        return replace(entry, level=level or "ERROR", request_id=request_id or None, fields=members)
    text = _sentence(members) or text
    is_error = level in _ERRORS
    return replace(_lines(text), level=level, request_id=request_id or None, is_error=is_error, fields=members)


def _platform_event(kind: str, record: Mapping[str, object]) -> LogEntry:
    status, name = _text(record, "status"), kind.removeprefix("platform.")
    broken = status in ("error", "timeout", "failure")
    words = [f"Status: {status}"] if status else []
    words += [f"Error Type: {found}"] if (found := _text(record, "errorType")) else []
    return LogEntry(
        " ".join([name, *words]),
        level="ERROR" if broken else "",
        request_id=_text(record, "requestId") or None,
        is_error=broken,
        is_routine=not broken,
        ends=name == "report",
    )


def _exception(members: Mapping[str, object]) -> LogEntry:
    """Return an exception in the form of Lambda's runtimes, with its message and its stack."""
    kind, words = _text(members, "errorType"), _text(members, "errorMessage")
    entry = _lines(f"{kind}: {words}" if words else kind)
    stack = next((found for name in ("stackTrace", "stack", "trace") if (found := members.get(name))), ())
    frames = stack if isinstance(stack, list) else [stack]
    lines = [line.rstrip() for each in frames if isinstance(each, str) for line in _LINE_BREAK.split(each.rstrip())]
    more = lines[1:] if lines[:1] == [entry.text] else lines
    return replace(entry, details=(*entry.details, *more), is_error=True)


def _sentence(members: Mapping[str, object]) -> str:
    """Return the message of a logger and its reason, then its further members: ``slow call, ms=300``."""
    message, reason = _text(members, "message"), _text(members, "reason")
    if not message and not reason:
        return ""
    words = [part for part in ("" if message == _RECORD_FAILED and reason else message, reason) if part]
    more = [f"{name}={_short(value)}" for name, value in members.items() if name not in _SHOWN]
    return ", ".join([": ".join(words), *more])


def _named(line: str, partition_key: str) -> Iterator[object]:
    """Yield the values that a text names in the form ``"orderId": {"S": "o-1"}``, as messages of errors do."""
    decoder = json.JSONDecoder()
    for found in re.finditer(rf"{re.escape(json.dumps(partition_key))}:\s*", line):
        try:
            yield decoder.raw_decode(line, found.end())[0]
        except (ValueError, RecursionError):
            continue


def _plain(value: object) -> str | None:
    """Return a value in DynamoDB's typed form, or a plain one, as people type it."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, value),) = value.items()
        return value if kind in ("S", "N", "B") and isinstance(value, str) else None
    return value if isinstance(value, str) else None


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _short(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "..."


def _object(text: str) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
