"""The result of `pause`, and the document of `pause` and `resume`."""

from __future__ import annotations

from datetime import timedelta

from pipectl.commands.pause import PauseReport
from pipectl.output.console import Screen
from pipectl.timestamps import duration, rfc3339


def result(screen: Screen, report: PauseReport) -> None:
    if screen.json_output:
        screen.document(document(report))
        return
    already = "" if report.changed else "already "
    since = f" since {rfc3339(report.pause.since)}" if report.pause and report.pause.since else ""
    by = f" by {report.pause.by}" if report.pause and report.pause.by else ""
    unchanged = "" if report.changed else " Nothing was changed."
    screen.line(f"Processing is {already}paused{since}{by}.{unchanged}")
    resume = screen.completed("Resume: `pipectl resume`.")
    if report.left is not None and report.left > timedelta(0):
        screen.line(f"The first waiting record expires from the stream in {duration(report.left)}. {resume}")
    elif report.left is not None:
        screen.line(f"Waiting records began to expire {duration(report.left)} ago. {resume}")


def document(report: PauseReport) -> dict[str, object]:
    return {
        "paused": report.paused,
        "changed": report.changed,
        "since": report.pause.since if report.pause else None,
        "by": report.pause.by if report.pause else None,
        "secondsLeft": report.left,
        "catchingUp": report.catching_up,
    }
