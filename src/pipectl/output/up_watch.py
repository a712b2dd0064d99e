"""The lines of `up --watch`: one for each deployment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipectl.commands.plan import PlanReport
from pipectl.commands.up import UpReport
from pipectl.commands.up_watch import Deployment
from pipectl.engine.diff import top_level
from pipectl.engine.model import Action, Change
from pipectl.errors import PipectlError
from pipectl.output import changes, looks, plan, plan_code, up
from pipectl.output.console import Line, Screen
from pipectl.timestamps import rfc3339, short_time

_INDENT = " " * len("14:03:11  ")
_MOST_SHOWN = 4
"""Changes of a plan that are shown; the hint names the command that shows more."""
_CODE = {"code_sha256", "live"}
"""Attributes of a function that differ with each change of its code; its files are shown instead."""


def first(screen: Screen, report: UpReport) -> None:
    """Print the result of the `up` before the first change: with JSON on one line."""
    if screen.json_output:
        screen.json_line(up.document(screen, report))
    else:
        up.result(screen, report)


def interrupted(screen: Screen, error: PipectlError) -> None:
    """Print what a deployment had done when it was interrupted: with JSON on one line."""
    if isinstance(error.report, UpReport) and screen.json_output:
        screen.json_line(up.document(screen, error.report) | {"error": screen.error_document(error)})
    else:
        up.incomplete(screen, error)


def watching(screen: Screen, file: Path) -> None:
    screen.note(f"Watching {file} and the folders of the functions. Ctrl-C ends.")


def deployed(screen: Screen, deployment: Deployment) -> None:
    """Print a deployment, or why there was none."""
    if screen.json_output:
        screen.json_line(_document(screen, deployment))
        return
    prefix: Line = ((f"{short_time(deployment.at, deployment.at)}  ", looks.LESS),)
    for body in _lines(screen, deployment):
        screen.hanging(prefix, body)
        prefix = (_INDENT,)
    error = deployment.error
    if error and isinstance(error.report, PlanReport) and len(error.report.pending) <= _MOST_SHOWN:
        screen.lines(changes.reviewed(screen, error.report), broken=True)
    if error and error.hint:
        screen.hanging((_INDENT,), (("Hint:", "bold"), f" {screen.completed(error.hint)}"))


def _lines(screen: Screen, deployment: Deployment) -> Iterator[Line]:
    report, error, seconds = deployment.report, deployment.error, f"  {deployment.seconds:.1f} s"
    made = [change for change in report.changes if change.action is not Action.KEEP] if report else []
    for change in made:
        _, look, done = looks.ACTIONS[change.action]
        yield change.resource, (f" {done}", look), (seconds, looks.LESS), f"  ({_difference(change, deployment)})"
        if remark := deployment.remarks.get(change.resource):
            yield (f"{change.resource}: {screen.completed(remark)}",)
        seconds = ""
    if error:
        yield from _error(error, "failed" if report else "not deployed", seconds)
    elif not made:
        yield "nothing to do", (seconds, looks.LESS)
    yield from ((f"{resource}: {warning}.",) for resource, warning in deployment.warnings)


def _difference(change: Change, deployment: Deployment) -> str:
    """``handler.py +2 -1, memory``."""
    code = deployment.code.get(change.resource)
    others = sorted(top_level(change.attributes) - (_CODE if code else {"live"}))
    return ", ".join([*(plan_code.entries(code) if code else []), *others]) or "live version"


def _error(error: PipectlError, outcome: str, seconds: str) -> Iterator[Line]:
    message, *others = error.message.split("\n")
    where = f"{error.resource}: " if error.resource and not message.startswith(error.resource) else ""
    yield (outcome, looks.BAD), (seconds, looks.LESS), f"  {where}{message}"
    for line in others:
        yield (line,)


def _document(screen: Screen, deployment: Deployment) -> dict[str, object]:
    report, error = deployment.report, deployment.error
    found: dict[str, object] = {
        "time": rfc3339(deployment.at),
        "seconds": round(deployment.seconds, 3),
        "files": deployment.files,
        "changes": [changes.document(screen, each) for each in report.changes if each.action is not Action.KEEP]
        if report
        else [],
        "code": {key: plan_code.document(code) for key, code in deployment.code.items()},
        "warnings": [f"{resource}: {warning}" for resource, warning in deployment.warnings],
        "error": screen.error_document(error) if error else None,
    }
    if error and isinstance(error.report, PlanReport):
        found["plan"] = plan.document(screen, error.report)
    return found
