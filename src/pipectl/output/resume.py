"""The result of `resume`."""

from __future__ import annotations

from datetime import timedelta

from pipectl.commands.pause import PauseReport
from pipectl.output.console import Screen
from pipectl.output.pause import document


def result(screen: Screen, report: PauseReport) -> None:
    if screen.json_output:
        screen.document(document(report))
    elif not report.changed:
        screen.line("Processing was not paused.")
    elif report.left is not None and report.left < timedelta(0):
        lost = screen.completed("`pipectl verify` lists lost records")
        screen.line(f"Processing resumed. The oldest records may have expired: {lost}.")
    else:
        screen.line("Processing resumed.")
