"""Changes as `plan`, `up` and `down` show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pipectl.commands.plan import PlanReport
from pipectl.engine.model import Action, Change, Delta
from pipectl.output import looks, plan_code
from pipectl.output.console import Line, Screen
from pipectl.output.differences import SIGN_LOOK
from pipectl.output.plan_lines import PlanLine, flag_lines, plan_lines
from pipectl.review.model import Review, When
from pipectl.text import pluralize
from pipectl.timestamps import duration

_NAMED = 3
"""Resources that are named; more are counted."""
_FATES = {
    When.OPENED: ("begins with this plan", "begin with this plan"),
    When.CLOSED: ("exists now and ends with this plan", "exist now and end with this plan"),
    When.STAYS: ("stays", "stay"),
}


def before_asking(screen: Screen, report: PlanReport, *, code: bool = False) -> None:
    """Print the plan that the confirmation of `up` is about."""
    screen.notice([*reviewed(screen, report, code=code), (plan_summary(report),)])


def before_deleting(screen: Screen, changes: Sequence[Change]) -> None:
    """Print the changes that the confirmation of `down` is about."""
    screen.notice([*lines(screen, changes), (summary(changes, done=False),)])


def notes(screen: Screen, report: PlanReport) -> None:
    """Print what must not happen silently when nobody is asked: new risks, or a rollback that is undone."""
    for review in report.reviews:
        change = review.change
        if change.action is not Action.KEEP and change.reason:
            screen.notice([(f"{change.resource}: {screen.completed(change.reason)}",)])
        for flag in review.flags:
            if flag.when is When.OPENED:
                named = replace(flag, reason=f"{change.resource}: {flag.reason}")
                screen.notice(drawn(flag_lines(named, screen.completed)))


def reviewed(screen: Screen, report: PlanReport, *, code: bool = False) -> Iterator[Line]:
    """Yield the lines of a plan, with ``code`` also the lines of code that differ."""
    return drawn(plan_lines(report.reviews, screen.completed, code=code))


def lines(screen: Screen, changes: Iterable[Change]) -> Iterator[Line]:
    """Yield the lines of changes without a review, and of kept resources with a reason."""
    return drawn(plan_lines(tuple(map(Review, changes)), screen.completed))


def drawn(found: Iterable[PlanLine]) -> Iterator[Line]:
    """Yield lines with their indent and sign."""
    for line in found:
        sign = "!!" if line.sign == "!" and line.depth else line.sign
        indent = " " * (4 * line.depth - len(sign) - 1)
        yield indent, (sign, _sign_look(line)), " ", *line.parts


def summary(changes: Sequence[Change], done: bool) -> str:
    """``2 to create, 1 to update.`` before, ``2 created, 1 updated.`` after."""
    counts = Counter(change.action for change in changes)
    parts = []
    for action, (_, _, past) in looks.ACTIONS.items():
        if counts[action] and action is not Action.KEEP:
            parts.append(
                f"{counts[action]} {past}" if done or action is Action.REFUSE else f"{counts[action]} to {action}"
            )
    if not parts:
        return f"Nothing to do: {pluralize(counts[Action.KEEP], 'resource')} in sync with the config."
    if counts[Action.KEEP]:
        parts.append(f"{counts[Action.KEEP]} unchanged")
    return f"{', '.join(parts)}."


def done(changes: Sequence[Change], seconds: float) -> str:
    """``Created 18 resources in 24 s.`` or ``Updated processor, bucket in 3 s. 16 unchanged.``"""
    parts = []
    for action, (_, _, past) in looks.ACTIONS.items():
        keys = [change.resource for change in changes if change.action is action]
        if keys and action not in (Action.KEEP, Action.REFUSE):
            parts.append(f"{past} {', '.join(keys) if len(keys) <= _NAMED else pluralize(len(keys), 'resource')}")
    words = "; ".join(parts)
    kept = sum(change.action is Action.KEEP for change in changes)
    unchanged = f" {kept} unchanged." if kept else ""
    return f"{words[:1].upper()}{words[1:]} in {duration(timedelta(seconds=max(seconds, 1)))}.{unchanged}"


def plan_summary(report: PlanReport) -> str:
    """``Plan: 2 to create, 15 unchanged. 2 warnings (!!): 1 begins with this plan, 1 stays.``"""
    changes = summary(report.changes, done=False)
    begin = "" if len(report.pending) + len(report.refused) == 0 else "Plan: "
    counts = Counter(flag.when for review in report.reviews for flag in review.flags)
    if not counts:
        return f"{begin}{changes}"
    fates = [f"{counts[when]} {words[counts[when] > 1]}" for when, words in _FATES.items() if counts[when]]
    if counts.total() == 1:
        fates = [fates[0].replace("1", "it", 1)]
    return f"{begin}{changes} {pluralize(counts.total(), 'warning')} (!!): {', '.join(fates)}."


def before_error(changes: Sequence[Change]) -> Iterator[Line]:
    """Yield a line about the changes that were done before an error, if there were any."""
    if any(change.action is not Action.KEEP for change in changes):
        yield (f"Done before the error: {summary(changes, done=True)}",)


def document(screen: Screen, change: Change) -> dict[str, object]:
    found: dict[str, object] = {
        "resource": change.resource,
        "kind": change.kind,
        "name": change.name,
        "action": change.action,
        "attributes": deltas_document(change.attributes),
    }
    return found | ({"reason": screen.completed(change.reason)} if change.reason else {})


def review_document(screen: Screen, review: Review) -> dict[str, object]:
    """Return a change with its risks, and for a function whose code differs with its files."""
    flags = [replace(flag, hint=screen.completed(flag.hint) if flag.hint else None) for flag in review.flags]
    found = {**document(screen, review.change), "flags": flags}
    return found | ({"code": plan_code.document(review.code)} if review.code else {})


def deltas_document(deltas: Mapping[str, Delta]) -> dict[str, object]:
    return {path: {"from": delta.before, "to": delta.after} for path, delta in deltas.items()}


def _sign_look(line: PlanLine) -> str:
    if line.depth:
        return SIGN_LOOK[line.sign]
    return next((colour for mark, colour, _ in looks.ACTIONS.values() if mark == line.sign), "")
