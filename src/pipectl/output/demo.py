"""The result of `demo`."""

from __future__ import annotations

from pipectl.commands.demo import DemoReport
from pipectl.output.console import Screen


def result(screen: Screen, report: DemoReport) -> None:
    if screen.json_output:
        screen.document(report)
        return
    versions = report.orders + report.updates
    seconds = report.seconds
    saving = seconds["fix"] + seconds["replay"]
    failures = f"{report.audited} failures audited, {report.quarantined} records in quarantine"
    for line in (
        "",
        "Result:",
        f"  {report.resources} resources created in {seconds['up']:.1f} s; a second `up` changed nothing",
        f"  {versions} order versions written, {report.objects} objects stored, in {seconds['orders']:.1f} s",
        f"  {report.poison} invalid orders: {failures}, in {seconds['failures']:.1f} s",
        f"  errors alarm: {report.errors_alarm}",
        f"  {report.replayed} orders replayed after the fix, in {saving:.1f} s: {report.objects_after_replay} objects",
        f"  deleted in {seconds['down']:.1f} s; {report.left} resources left",
        f"  {seconds['total']:.1f} s in total",
    ):
        screen.line(line)
