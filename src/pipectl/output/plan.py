"""The result of `plan`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipectl.commands.plan import PlanReport, as_typed
from pipectl.engine.planner import MANY_REFUSALS, refusal
from pipectl.output import changes, orphans
from pipectl.output.console import Line, Screen


def result(screen: Screen, report: PlanReport, *, code: bool = False) -> None:
    if screen.json_output:
        screen.document(document(screen, report))
    else:
        screen.lines(lines(screen, report, code=code), broken=True)


def lines(screen: Screen, report: PlanReport, *, code: bool) -> Iterator[Line]:
    """Yield the lines of a plan. The last one has the command that applies it, if there is one."""
    yield from changes.reviewed(screen, report, code=code)
    yield from changes.closing(screen, report)
    if not code and any(file.lines for each in report.reviews if each.code for file in each.code.files):
        yield (screen.completed("Lines of code: `pipectl plan --code`"),)
    if report.apply:
        yield (screen.completed(f"Apply exactly these changes: `pipectl {report.apply}`"),)


def document(screen: Screen, report: PlanReport) -> dict[str, object]:
    return {
        "changes": [changes.review_document(screen, each) for each in report.reviews],
        "outputs": report.outputs,
        "id": report.id or None,
        "orphans": orphans.documents(report.orphans.orphans) if report.orphans and not report.orphans.problem else None,
    }


def refused(
    screen: Screen, report: PlanReport, *, adopt: Collection[str] = (), allow_stream_replacement: bool = False
) -> int:
    """Print the refusals as one error, whose hint repeats the flags; return its exit code."""
    error = refusal(report.refused, adopted=as_typed(adopt), accepted_loss=allow_stream_replacement)
    if not screen.json_output:  # the list has just named the reasons
        many = len(report.refused) >= MANY_REFUSALS
        names = ", ".join(each.resource if many else f"{each.resource} ({each.name})" for each in report.refused)
        summary = error.message.splitlines()[0].removesuffix(" Nothing was changed.").rstrip(".")
        error.message, error.resource = f"{summary}: {names}", None
    screen.error(error)
    return error.exit_code
