"""The result of `up`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pipectl.commands.plan import PlanReport
from pipectl.commands.up import UpReport
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from pipectl.output import changes, looks, orphans, plan, resume, timeline
from pipectl.output.console import Line, Screen
from pipectl.resource_keys import ResourceKey
from pipectl.review.model import Review
from pipectl.text import pluralize

_MOST_NOTES = 2


def result(screen: Screen, report: UpReport) -> None:
    if screen.json_output:
        screen.document(document(screen, report))
        return
    timeline.show(screen, report.timeline)
    pending = [change for change in report.changes if change.action is not Action.KEEP]
    sentence = changes.done(report.changes, report.seconds) if pending else changes.summary(report.changes, done=True)
    screen.line(sentence)
    notes = list(_notes(screen, report))
    screen.lines(notes[:_MOST_NOTES])
    if (more := len(notes) - _MOST_NOTES) > 0:
        screen.line(screen.completed(f"{pluralize(more, 'more note')}: `pipectl plan`"))
    if pending:
        screen.line(screen.completed(_next_step(report)))


def _notes(screen: Screen, report: UpReport) -> Iterator[Line]:
    for line in islice(orphans.remaining(report.orphans), 1):  # `status` has the rest
        yield (screen.completed(line),)
    kept = [change for change in report.changes if change.action is Action.KEEP and change.reason]
    for change in kept:  # a pipeline that is paused is in sync, too
        yield (f"{change.resource}:", looks.ATTENTION), f" {screen.completed(change.reason or '')}"
    if report.catching_up and not any(change.resource == ResourceKey.STREAM_MAPPING for change in kept):
        yield (resume.processed_first(screen),)


def _next_step(report: UpReport) -> str:
    created = {change.resource for change in report.changes if change.action is Action.CREATE}
    if ResourceKey.ORDERS_TABLE not in created:
        return "Next: `pipectl status`"
    return (
        "Next: `pipectl send ORDER` writes an order and follows it. "
        "Names and ARNs: `pipectl outputs`. Health: `pipectl status`."
    )


def incomplete(screen: Screen, error: PipectlError, *, code: bool = False) -> None:
    """Print what was done before the error, or the plan as it is now; as JSON one document with the error."""
    if isinstance(error.report, PlanReport):
        if screen.json_output:
            screen.document(plan.document(screen, error.report) | {"error": screen.error_document(error)})
        else:
            screen.notice(plan.lines(screen, error.report, code=code), broken=True)
    elif isinstance(error.report, UpReport):
        if screen.json_output:
            screen.document(document(screen, error.report) | {"error": screen.error_document(error)})
        else:
            timeline.show(screen, error.report.timeline)
            screen.notice(changes.before_error(error.report.changes))


def document(screen: Screen, report: UpReport) -> dict[str, object]:
    return {
        "changes": [
            changes.review_document(screen, Review(each, report.flags.get(each.resource, ())))
            for each in report.changes
        ],
        "outputs": report.outputs,
        "catchingUp": report.catching_up,
        "plan": report.plan,
        "orphans": orphans.documents(report.orphans),
        **timeline.document(screen, report.timeline),
    }
