"""Output of `rollback`."""

from __future__ import annotations

from pipectl.commands.rollback import Rollback
from pipectl.output.console import Screen
from pipectl.resources.versions import Version


def before_asking(screen: Screen, plan: Rollback) -> None:
    """Print what a confirmation is about."""
    screen.notice(
        [
            (f"Processor {plan.function}",),
            (f"  in use:    {_described(plan.before)}",),
            (f"  roll back: {_described(plan.after)}",),
        ]
    )


def result(screen: Screen, report: Rollback) -> None:
    if screen.json_output:
        screen.document(
            {
                "changed": report.changed,
                "function": report.function,
                "from": _document(report.before),
                "to": _document(report.after),
                "by": report.by,
            }
        )
        return
    if not report.changed:
        screen.line(f"In use already: {_described(report.after)}.")
        return
    screen.line(f"Rolled back to {_described(report.after)}.")
    screen.line(screen.completed("`pipectl up` would undo it: correct the handler or the config first."))


def _described(version: Version) -> str:
    """``version 6 (commit 0123456789ab, 2026-01-01T00:00:00Z)``."""
    return f"version {version.number} ({version.description})" if version.description else f"version {version.number}"


def _document(version: Version) -> dict[str, object]:
    return {"version": version.number, "description": version.description}
