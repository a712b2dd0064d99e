"""The questions and the result of `init`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipectl.commands.init import InitReport
from pipectl.errors import PipectlError
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.text import shell_word

QUESTIONS: Mapping[str, str] = {
    "environment": "Environment, the first part of every name",
    "team": "Team, the last part of every name",
    "project": "Project, a tag of every resource",
    "region": "AWS region",
    "runtime": "Runtime of both functions",
}
"""The text of each question."""


def wrong(screen: Screen, problem: str) -> None:
    """Print the problem of an answer, before the question is asked again."""
    words = f"It {problem}" if problem.startswith(("is ", "has ")) else problem
    screen.notice([(f"  {words.removesuffix('.')}{'' if words.endswith('?') else '.'}",)])


def incomplete(screen: Screen, error: PipectlError) -> None:
    """Print the files that were written before an error."""
    if isinstance(error.report, InitReport) and error.report.written:
        result(screen, error.report, complete=False)


def result(screen: Screen, report: InitReport, *, complete: bool = True) -> None:
    """Print the files and the commands to type next.

    Args:
        screen: The screen.
        report: The result.
        complete: Every file exists now.
    """
    if screen.json_output:
        screen.document(report)
        return
    screen.lines(_files(report))
    if not complete:
        return
    if report.protect:
        name = shell_word(report.environment)
        guarded = "`down`, `send` and `up --watch` need"
        screen.line(f"{report.environment} is protected (`protect: true`): {guarded} --confirm {name}.")
    screen.line("Next:")
    for command in _next(report):
        screen.line(f"  {command}")


def _files(report: InitReport) -> Iterator[Line]:
    mark = ("+", looks.GOOD)
    for name in sorted(report.written):
        based = f"  (extends {report.extends})" if report.extends and name == report.config else ""
        yield mark, f" {name}{based}"
    for name in sorted(report.existing):
        yield ((f"= {name}  exists, not changed", looks.LESS),)


def _next(report: InitReport) -> Iterator[str]:
    folder = str(report.folder)
    if folder != ".":
        yield f"cd {shell_word(folder if not folder.startswith('-') else f'./{folder}')}"
    option = f" -c {shell_word(report.config)}" if report.needs_option else ""
    yield f"pipectl{option} --local up"
    yield f"pipectl{option} --local send events/order.json"
    yield f"pipectl{option} plan"
