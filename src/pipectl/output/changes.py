"""Changes as `plan`, `up` and `down` show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pipectl.commands.plan import PlanReport
from pipectl.engine.model import Action, Change, Delta
from pipectl.output import looks, orphans, plan_code
from pipectl.output.console import Line, Screen
from pipectl.output.differences import SIGN_LOOK
from pipectl.output.plan_lines import PlanLine, flag_lines, plan_lines
from pipectl.review.model import Review, When
from pipectl.text import pluralize
from pipectl.timestamps import duration

_NAMED = 3
"""Resources that are named; more are counted."""
_FATES = {When.OPENED: ("new", "new"), When.STAYS: ("stays", "stay"), When.CLOSED: ("fixed", "fixed")}
"""Words about one risk, and about several."""


def before_asking(screen: Screen, report: PlanReport, *, code: bool = False) -> None:
    """Print the plan that the confirmation of `up` is about, without the settings of new resources."""
    found = [*reviewed(screen, report, code=code, settings=False), *closing(screen, report)]
    if any(change.action is Action.CREATE for change in report.changes):
        found.append((screen.completed("All settings: `pipectl plan`"),))
    screen.notice(found, broken=True)


def before_deleting(screen: Screen, changes: Sequence[Change]) -> None:
    """Print the changes that the confirmation of `down` is about."""
    screen.notice([*lines(screen, changes), (summary(changes, done=False, kept="kept"),)])


def notes(screen: Screen, report: PlanReport) -> None:
    """Print what must not happen silently when nobody is asked: new risks, or a rollback that is undone."""
    for review in report.reviews:
        change = review.change
        if change.action is not Action.KEEP and change.reason:
            screen.notice([(f"{change.resource}: {screen.completed(change.reason)}",)])
        for flag in review.flags:
            if flag.when is When.OPENED:
                named = replace(flag, reason=f"{change.resource}: {flag.reason}")
                screen.notice(drawn(flag_lines(named, screen.completed)), broken=True)


def reviewed(screen: Screen, report: PlanReport, *, code: bool = False, settings: bool = True) -> Iterator[Line]:
    """Yield the lines of a plan, with ``code`` also the lines of code that differ.

    Without ``settings``, those of new resources are left out.
    """
    width = {"width": screen.width} if screen.width else {}
    return drawn(plan_lines(report.reviews, screen.completed, code=code, settings=settings, **width))


def lines(screen: Screen, changes: Iterable[Change]) -> Iterator[Line]:
    """Yield the lines of changes without a review, and of kept resources with a reason."""
    return drawn(plan_lines(tuple(map(Review, changes)), screen.completed))


def drawn(found: Iterable[PlanLine]) -> Iterator[Line]:
    """Yield lines with their indent and sign."""
    for line in found:
        sign = "!!" if line.sign == "!" and line.depth else line.sign
        indent = " " * (4 * line.depth - len(sign) - 1)
        yield indent, (sign, _sign_look(line)), " ", *line.parts


def summary(changes: Sequence[Change], done: bool, *, kept: str = "unchanged") -> str:
    """``2 to create, 1 to update.`` before, ``2 created, 1 updated.`` after; ``kept`` for `Action.KEEP`."""
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
        parts.append(f"{counts[Action.KEEP]} {kept}")
    return f"{', '.join(parts)}."


def done(changes: Sequence[Change], seconds: float, *, kept: str = "unchanged") -> str:
    """``Created 18 resources in 24 s.`` or ``Updated processor, bucket in 3 s. 16 unchanged.``"""
    parts = []
    for action, (_, _, past) in looks.ACTIONS.items():
        keys = [change.resource for change in changes if change.action is action]
        if keys and action not in (Action.KEEP, Action.REFUSE):
            parts.append(f"{past} {_some(keys)}")
    words = "; ".join(parts)
    count = sum(change.action is Action.KEEP for change in changes)
    others = f" {count} {kept}." if count else ""
    return f"{words[:1].upper()}{words[1:]} in {duration(timedelta(seconds=max(seconds, 1)))}.{others}"


def closing(screen: Screen, report: PlanReport) -> Iterator[Line]:
    """Yield what stays under earlier names, and the sentence that counts the changes."""
    for sentence in orphans.staying(report.orphans):
        yield (screen.completed(sentence),)
    yield (plan_summary(report),)


def plan_summary(report: PlanReport) -> str:
    """``Plan: 2 to create, 15 unchanged. Risks: 1 new (bucket), 1 fixed (processor).``"""
    changes = summary(report.changes, done=False)
    if report.refused:
        changes += " Nothing is changed while a resource is refused."
    begin = "" if len(report.pending) + len(report.refused) == 0 else "Plan: "
    fates = []
    for when, words in _FATES.items():
        keys = [review.change.resource for review in report.reviews for flag in review.flags if flag.when is when]
        if keys:
            fates.append(f"{len(keys)} {words[len(keys) > 1]} ({_some(list(dict.fromkeys(keys)))})")
    return f"{begin}{changes} Risks: {', '.join(fates)}." if fates else f"{begin}{changes}"


def _some(keys: Sequence[str]) -> str:
    """Name a few resources, or count many."""
    return ", ".join(keys) if len(keys) <= _NAMED else pluralize(len(keys), "resource")


def before_error(changes: Sequence[Change], *, kept: str = "unchanged") -> Iterator[Line]:
    """Yield a line about the changes that were done before an error, if there were any."""
    if any(change.action is not Action.KEEP for change in changes):
        yield (f"Done before the error: {summary(changes, done=True, kept=kept)}",)


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
