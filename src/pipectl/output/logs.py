"""The results of `logs`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipectl.commands.logs import LogLine
from pipectl.output.console import Screen
from pipectl.timestamps import rfc3339, rfc3339_milliseconds

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_INDENT = " " * len("2026-01-31T12:00:00Z processor ")
_FUNCTION_LOOK = {"processor": "cyan", "auditor": "magenta"}


def result(screen: Screen, lines: Sequence[LogLine]) -> None:
    if screen.json_output:
        screen.document({"events": [_document(each) for each in lines]})
        return
    for each in lines:
        line(screen, each)


def line(screen: Screen, found: LogLine) -> None:
    """Print an event. Its further lines, such as those of a traceback, are indented."""
    first, *others = _LINE_BREAK.split(found.message.replace("\t", "  ").rstrip())
    screen.line((rfc3339(found.time), "dim"), (f" {found.function:<9} ", _FUNCTION_LOOK[found.function]), first)
    for other in others:
        screen.line(f"{_INDENT}{other}")


def _document(found: LogLine) -> dict[str, str]:
    return {"time": rfc3339_milliseconds(found.time), "function": found.function, "message": found.message}
