"""The result of `status`: the verdict, what is wrong with the command that helps, and what is fine."""

from __future__ import annotations

from collections.abc import Sequence

from pipectl.commands.status import ResourceStatus, StatusReport
from pipectl.errors import PipectlError
from pipectl.monitoring.checks import Severity
from pipectl.output import looks
from pipectl.output.console import Line, Part, Screen
from pipectl.output.drift import drift_lines
from pipectl.output.status_document import document
from pipectl.output.status_picture import picture
from pipectl.output.status_problems import LOOK, STATE_LOOK, Problem, ascii_only, fine_subjects, notes, problems
from pipectl.output.table import Column
from pipectl.text import pluralize
from pipectl.timestamps import rfc3339

_VERDICT_LOOK = {
    Severity.HEALTHY: looks.BADGE_GOOD,
    Severity.UNKNOWN: looks.BADGE_UNSURE,
    Severity.DEGRADED: looks.BADGE_WARN,
    Severity.FAILING: looks.BADGE_BAD,
}
"""The style of the verdict: legible on a light and on a dark terminal."""
_WIDE = 120
"""Columns of a terminal that shows the picture."""


def result(screen: Screen, report: StatusReport, *, every: bool = False, local: bool = False) -> None:
    """Print the report.

    Args:
        screen: The console.
        report: The report.
        every: List the resources that are in sync, too.
        local: The pipeline is on the local emulator.
    """
    if screen.json_output:
        screen.document(document(screen, report))
        return
    screen.line(*_verdict(screen, report, local))
    _print_problems(screen, problems(screen, report))
    _fine(screen, report)
    for note in notes(report):
        screen.hanging(("   ",), (screen.completed(note),))
    if (screen.width or 0) >= _WIDE:
        screen.line()
        screen.lines(picture(report.health, ascii_only=ascii_only(screen)))
    shown = report.resources if every else report.differing
    if shown:
        screen.line()
        _resources(screen, shown)


def brief(screen: Screen, report: StatusReport, *, local: bool = False) -> None:
    """Print the report in one line; with JSON the whole document."""
    if screen.json_output:
        screen.document(document(screen, report))
        return
    dot = " - " if ascii_only(screen) else " · "
    words = [part for problem in problems(screen, report) if problem.severity for part in (dot, *problem.words)]
    screen.line(*_verdict(screen, report, local), *words)


def watched(screen: Screen, report: StatusReport, seconds: int, problem: PipectlError | None) -> None:
    """Print the line below a report that is repeated: its time, or why there is no newer one."""
    if problem:
        screen.hanging((" ", _mark(screen, Severity.DEGRADED), " "), (f"cannot be read now: {problem.message}",))
    dot = " - " if ascii_only(screen) else " · "
    screen.line(f"{rfc3339(report.now)}{dot}every {seconds} s{dot}Ctrl-C ends")


def _mark(screen: Screen, severity: Severity) -> Part:
    _, look, mark, ascii_mark = LOOK[severity]
    return (ascii_mark if ascii_only(screen) else mark, look)


def _verdict(screen: Screen, report: StatusReport, local: bool) -> Line:
    """``FAILING  dev · LOCAL · 17 of 17 resources in sync``."""
    dot = " - " if ascii_only(screen) else " · "
    name, *_ = LOOK[report.health.verdict]
    count = len(report.resources)
    in_sync = f"{report.in_sync} of {pluralize(count, 'resource')} in sync"
    place: Line = (("LOCAL", looks.ATTENTION),) if local else (f"account {report.account_id}{dot}{report.region}",)
    return (
        (name.upper(), _VERDICT_LOOK[report.health.verdict]),
        "  ",
        (report.environment, "bold"),
        dot,
        *place,
        dot,
        in_sync,
    )


def _print_problems(screen: Screen, found: Sequence[Problem]) -> None:
    """Print the problems, each command beside its line where all fit, else below."""
    for problem in found:
        prefix: Line = (" ", _mark(screen, problem.severity), " ")
        commands = [_command(screen, problem.command)] if problem.command else []
        length = sum(len(part if isinstance(part, str) else part[0]) for part in problem.words)
        beside = screen.width is None or 8 + length + sum(map(len, commands)) <= screen.width
        more: Line = ("   ", *((each, "bold") for each in commands)) if beside and commands else ()
        screen.hanging(prefix, (*problem.words, *more))
        if not beside:
            screen.lines(("     ", (each, "bold")) for each in commands)
        for line in problem.below:
            screen.hanging(("     ",), line)


def _command(screen: Screen, command: str) -> str:
    return f"-> {screen.command(command)}"


def _fine(screen: Screen, report: StatusReport) -> None:
    """``✓ stream ✓ auditor ✓ queue``: everything whose checks are all healthy."""
    if fine := fine_subjects(report):
        screen.line(*(part for subject in fine for part in (" ", _mark(screen, Severity.HEALTHY), f" {subject}")))


def _resources(screen: Screen, resources: Sequence[ResourceStatus]) -> None:
    columns = (Column("RESOURCE"), Column("STATE"), Column("NAME", flexible=True))
    screen.table(columns, [(each.resource, STATE_LOOK[each.state], each.name) for each in resources])
    for each in resources:
        if each.reason or each.drift:
            screen.line((each.resource, "bold"))
        if each.reason:
            screen.hanging(("    ",), (screen.completed(each.reason),))
        for prefix, line in drift_lines(each):
            screen.hanging((prefix,), line)
