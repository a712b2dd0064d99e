"""The confirmation and the result of `down`."""

from __future__ import annotations

from collections.abc import Collection

from pipectl.commands.down import DownPreview, DownReport
from pipectl.engine.model import Action
from pipectl.errors import PipectlError
from pipectl.monitoring.pending_data import Loss
from pipectl.output import changes, orphans, timeline
from pipectl.output.console import Screen
from pipectl.text import pluralize

_KEPT = "kept"


def preview(screen: Screen, account_id: str, region: str, preview: DownPreview) -> None:
    """Print the planned deletion, before the confirmation."""
    changes.before_deleting(screen, preview.changes)
    if preview.losses or preview.dangerous:
        place = f"{preview.environment} (account {account_id}, {region})"
        counted = " · ".join(str(loss) if loss.contents else f"{loss.resource}: {loss}" for loss in preview.losses)
        first = ("You are about to DELETE ", (place, "bold"), f" permanently{':' if counted else '.'}")
        if preview.orphans:
            count = sum(change.action is not Action.KEEP for change in preview.changes)
            first = (f"You are about to DELETE {pluralize(count, 'orphan')} of ", *first[1:])
        screen.notice([first, (f"  {counted}",)] if counted else [first])
    if preview.teams:
        teams = ", ".join(preview.teams)
        words = (
            f"They have the team {teams}. If another config deploys them with that team, they are no orphans, and its "
            "pipeline would be deleted."
        )
        screen.notice([(words,)])
    if preview.missing:
        words = (
            f"Not deployed under the names of the config: {', '.join(preview.missing)}. Without a `pipectl up` since "
            "the names were changed, the orphans are the running pipeline."
        )
        screen.notice([(screen.completed(words),)])


def result(screen: Screen, report: DownReport) -> None:
    if screen.json_output:
        screen.document(_document(screen, report))
        return
    timeline.show(screen, report.timeline)
    screen.lines(changes.lines(screen, [change for change in report.changes if change.action is Action.KEEP]))
    if any(change.action is not Action.KEEP for change in report.changes):
        kept = any(change.action is Action.KEEP for change in report.changes)
        screen.line(f"{changes.done(report.changes, report.seconds, kept=_KEPT)}{'' if kept else ' None remain.'}")
    else:
        screen.line("Nothing to delete.")
    for line in orphans.remaining(report.orphans):
        screen.hanging((), (screen.completed(line),))


def incomplete(screen: Screen, error: PipectlError) -> None:
    """Print what was deleted before the error; as JSON one document with the error."""
    if not isinstance(error.report, DownReport):
        return
    if screen.json_output:
        screen.document(_document(screen, error.report) | {"error": screen.error_document(error)})
    else:
        timeline.show(screen, error.report.timeline)
        screen.notice(changes.before_error(error.report.changes, kept=_KEPT))


def _document(screen: Screen, report: DownReport) -> dict[str, object]:
    found: dict[str, object] = {"changes": [changes.document(screen, change) for change in report.changes]}
    if report.losses:
        found["deletedData"] = _losses(report.losses)
    if report.resume:
        found["resumeUntil"] = report.resume.until
    if report.orphans:
        found["orphans"] = orphans.documents(report.orphans)
    return found | timeline.document(screen, report.timeline)


def _losses(losses: Collection[Loss]) -> list[object]:
    return [
        {
            "resource": loss.resource,
            "count": loss.contents.count if loss.contents else None,
            "more": bool(loss.contents and loss.contents.more),
            "notReplayed": loss.not_replayed,
        }
        for loss in losses
    ]
