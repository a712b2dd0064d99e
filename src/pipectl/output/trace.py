"""The result of `trace`."""

from __future__ import annotations

import json

from rich.text import Text

from pipectl.commands.trace import Stage, Trace
from pipectl.output.console import Screen
from pipectl.timestamps import rfc3339

_STAGE_LOOK = {Stage.STORED: "green", Stage.WAITING: "yellow"}


def result(screen: Screen, found: Trace) -> None:
    if screen.json_output:
        screen.document(found)
        return
    if found.item is not None:
        screen.line(json.dumps(found.item, ensure_ascii=False, separators=(",", ":"), default=str))
    elif found.stage is not Stage.ABSENT:
        screen.line(f"{found.key} is no longer in the table.")
    for event in found.events:
        text = Text().append(f"{rfc3339(event.time)}  ", "dim").append(f"{event.kind:<12}")
        screen.line(text.append(event.detail))
    screen.line(Text().append(found.stuck, _STAGE_LOOK.get(found.stage, "red")))
