"""The result of `resume`."""

from __future__ import annotations

from datetime import timedelta

from pipectl.commands.pause import PauseReport
from pipectl.output.console import Screen
from pipectl.output.pause import document


def result(screen: Screen, report: PauseReport) -> None:
    if screen.json_output:
        screen.document(document(report))
        return
    if report.age_restored:
        screen.line("The waiting records are processed. The maximum record age is in force again.")
        return
    screen.line("Processing resumed." if report.changed else "Processing was not paused.")
    if report.left is not None and report.left < timedelta(0):
        lost = screen.completed("`pipectl verify` lists lost records")
        screen.line(f"The oldest records may have expired: {lost}.")
    if report.catching_up:
        screen.line(processed_first(screen))


def processed_first(screen: Screen) -> str:
    """Return the sentence on a stream mapping that is catching up."""
    after = screen.completed("`pipectl up` restores the maximum record age")
    return f"Waiting records of any age are processed first. Afterwards {after}."
