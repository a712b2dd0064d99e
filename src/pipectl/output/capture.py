"""The result of `doctor --capture`."""

from __future__ import annotations

from pipectl.commands.capture import CapturePreview, CaptureReport
from pipectl.output import looks
from pipectl.output.console import Screen
from pipectl.text import pluralize

REMAINS = (
    "What remains: the order's records in the stream for 24 hours, backups, metrics and log lines, and the failure of "
    "an order that is not stored."
)


def before_asking(screen: Screen, preview: CapturePreview) -> None:
    """Print what a capture is about to do."""
    screen.notice(
        [
            (f"Write order {preview.key} to {preview.table}, and delete it and its object afterwards.",),
            (f"Write AWS's answers, redacted, to {preview.file}.",),
            (REMAINS,),
        ]
    )


def result(screen: Screen, report: CaptureReport) -> None:
    if screen.json_output:
        screen.document({**vars(report), "complete": report.complete})
        return
    for name, message in report.failed.items():
        screen.line(("not read", looks.ATTENTION), f" {name}: {message}")
    for name, message in report.remains.items():
        screen.line(("not deleted", looks.ATTENTION), f" {name} {report.key}: {message}")
    calls = pluralize(report.calls, "call")
    screen.line(f"Order {report.key}: {report.stage}. {calls} made, {report.recorded:,} recorded in {report.file}.")
    screen.line("Read the file before you give it to anybody.")
