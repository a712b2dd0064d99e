"""The times of `up` and `down` with `-v`: when each change ran, and what it waited for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipectl.engine.timeline import Outcome, Span, Timeline
from pipectl.output import looks
from pipectl.output.console import Line, Screen
from pipectl.output.table import Column

_COLUMNS = (
    Column("START", right=True),
    Column("END", right=True),
    Column("  RESOURCE"),  # a mark is before each name
    Column("WAITED FOR", flexible=True),
)
_SHORTEST = 0.05
"""Seconds of a wait that is shown; a shorter one would be shown as 0.0 s."""


def show(screen: Screen, timeline: Timeline) -> None:
    """Print the times on stderr, if details are wanted; with JSON they are in the document."""
    if not screen.verbose or screen.json_output or not (timeline.spans or timeline.not_started):
        return
    critical = timeline.critical_path()
    rows = [
        (f"{span.start:.1f} s", f"{span.end:.1f} s", _resource(span, critical=span in critical), _waits(span))
        for span in timeline.spans
    ]
    screen.table(_COLUMNS, rows, notice=True)
    not_started = [
        f"{key} ({', '.join(needs)})" if needs else key for key, needs in sorted(timeline.not_started.items())
    ]
    if not_started:
        screen.notice([(("Not started: ", looks.BAD), ", ".join(not_started))])
    if critical:
        screen.notice([(f"Critical path (*), {timeline.seconds:.1f} s: ", " > ".join(_steps(critical)))])


def document(screen: Screen, timeline: Timeline) -> dict[str, object]:
    """Return the times as a part of the document of a command, if details are wanted."""
    if not screen.verbose:
        return {}
    spans = [
        {
            "resource": span.resource,
            "action": span.change.action,
            "outcome": span.outcome,
            "startSeconds": round(span.start, 3),
            "readySeconds": round(span.ready, 3) if span.ready is not None else None,
            "endSeconds": round(span.end, 3),
            "after": span.after,
            "waits": [{"for": wait.what, "seconds": round(wait.seconds, 3)} for wait in span.waits],
        }
        for span in timeline.spans
    ]
    return {
        "timeline": {
            "seconds": round(timeline.seconds, 3),
            "changes": spans,
            "criticalPath": [span.resource for span in timeline.critical_path()],
            "notStarted": [{"resource": key, "needs": needs} for key, needs in timeline.not_started.items()],
        }
    }


def _resource(span: Span, *, critical: bool) -> Line:
    outcome = "" if span.outcome is Outcome.DONE else f" {span.outcome}"
    return ("* " if critical else "  ", ""), (span.resource, ""), (outcome, looks.BAD)


def _waits(span: Span) -> str:
    """Return the resource that it needed last, and what it waited for: ``audit-table; to become ACTIVE (3.1 s)``."""
    named = rf"^{span.change.kind} \S+ (?=to )"  # the resource is named before
    waits = [wait for wait in span.waits if wait.seconds >= _SHORTEST]
    parts = [span.after] if span.after else []
    parts += [f"{re.sub(named, '', wait.what)} ({wait.seconds:.1f} s)" for wait in waits]
    return "; ".join(parts)


def _steps(critical: tuple[Span, ...]) -> Iterator[str]:
    """Yield each change of the critical path with the seconds that it adds."""
    begun = 0.0
    for at, span in enumerate(critical):
        last = at == len(critical) - 1
        end = span.end if last else critical[at + 1].start
        yield f"{span.resource} {end - begun:.1f} s"
        begun = end
