"""The result of `up`."""

from __future__ import annotations

from pipectl.commands.up import UpReport
from pipectl.output import changes, outputs
from pipectl.output.console import Screen


def result(screen: Screen, report: UpReport) -> None:
    if screen.json_output:
        screen.document({"changes": [changes.document(each) for each in report.changes], "outputs": report.outputs})
        return
    screen.line(changes.summary(report.changes, done=True))
    screen.line()
    outputs.result(screen, report.outputs)
