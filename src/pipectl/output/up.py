"""The result of `up`."""

from __future__ import annotations

from pipectl.commands.plan import PlanReport
from pipectl.commands.up import UpReport
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from pipectl.output import changes, looks, outputs, plan, resume
from pipectl.output.console import Screen
from pipectl.resource_keys import ResourceKey


def result(screen: Screen, report: UpReport) -> None:
    if screen.json_output:
        screen.document(_document(screen, report))
        return
    screen.line(changes.summary(report.changes, done=True))
    kept = [change for change in report.changes if change.action is Action.KEEP and change.reason]
    for change in kept:  # a pipeline that is paused is in sync, too
        screen.line((f"{change.resource}:", looks.ATTENTION), f" {screen.completed(change.reason or '')}")
    if report.catching_up and not any(change.resource == ResourceKey.STREAM_MAPPING for change in kept):
        screen.line(resume.processed_first(screen))
    screen.line()
    outputs.result(screen, report.outputs)


def incomplete(screen: Screen, error: PipectlError, *, code: bool = False) -> None:
    """Print what was done before the error, or the plan as it is now; as JSON one document with the error."""
    if isinstance(error.report, PlanReport):
        if screen.json_output:
            screen.document(plan.document(screen, error.report) | {"error": screen.error_document(error)})
        else:
            screen.notice(plan.lines(screen, error.report, code=code))
    elif isinstance(error.report, UpReport):
        if screen.json_output:
            screen.document(_document(screen, error.report) | {"error": screen.error_document(error)})
        else:
            screen.notice(changes.before_error(error.report.changes))


def _document(screen: Screen, report: UpReport) -> dict[str, object]:
    return {
        "changes": [changes.document(screen, each) for each in report.changes],
        "outputs": report.outputs,
        "catchingUp": report.catching_up,
        "plan": report.plan,
    }
