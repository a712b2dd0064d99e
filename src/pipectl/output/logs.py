"""The results of `logs`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from pipectl.commands.logs import LogLine
from pipectl.output.console import Screen
from pipectl.timestamps import rfc3339, rfc3339_milliseconds

_FUNCTION_LOOK = {"processor": "cyan", "auditor": "magenta"}


def result(screen: Screen, lines: Sequence[LogLine]) -> None:
    if screen.json_output:
        screen.document({"events": [_document(each) for each in lines]})
        return
    for each in lines:
        line(screen, each)


def line(screen: Screen, found: LogLine) -> None:
    text = Text().append(rfc3339(found.time), "dim").append(f" {found.function:<9} ", _FUNCTION_LOOK[found.function])
    screen.line(text.append(found.message))


def _document(found: LogLine) -> dict[str, str]:
    return {"time": rfc3339_milliseconds(found.time), "function": found.function, "message": found.message}
