"""The result of `down`."""

from __future__ import annotations

from typing import Any

from pipectl.commands.down import DownReport
from pipectl.engine.model import Action
from pipectl.output import changes
from pipectl.output.console import Screen


def result(screen: Screen, report: DownReport) -> None:
    if screen.json_output:
        found: dict[str, Any] = {"changes": [changes.document(change) for change in report.changes]}
        if report.resume:
            found["resumeUntil"] = report.resume.until
        screen.document(found)
        return
    for change in report.changes:
        if change.action is Action.KEEP:
            screen.lines(changes.change_lines(change))
    deletes = any(change.action is not Action.KEEP for change in report.changes)
    screen.line(changes.summary(report.changes, done=True) if deletes else "Nothing to delete.")
