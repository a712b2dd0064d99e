"""Changes as `plan`, `up` and `down` show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from pipectl.commands.plan import PlanReport
from pipectl.engine.model import UNKNOWN, Action, Change, Delta
from pipectl.output import looks, plan_code
from pipectl.output.console import Line, Screen
from pipectl.output.serializer import dumps
from pipectl.review.model import Review
from pipectl.text import pluralize
from pipectl.timestamps import duration

_LONGEST_VALUE = 200
_NAMED = 3
"""Resources that are named; more are counted."""
_LIVE = "live."
"""The beginning of the attributes of the version in use."""


def before_asking(screen: Screen, report: PlanReport, *, code: bool = False) -> None:
    """Print the changes that the confirmation of `up` is about."""
    screen.notice([*review_lines(screen, report.reviews, code=code), (summary(report.changes, done=False),)])


def before_deleting(screen: Screen, changes: Sequence[Change]) -> None:
    """Print the changes that the confirmation of `down` is about."""
    screen.notice([*lines(screen, changes), (summary(changes, done=False),)])


def notes(screen: Screen, report: PlanReport) -> None:
    """Print the remarks on changes that are made without a question, such as a rollback that is undone."""
    pending = [change for change in report.changes if change.action is not Action.KEEP and change.reason]
    screen.notice((f"{change.resource}: {screen.completed(change.reason or '')}",) for change in pending)


def review_lines(screen: Screen, reviews: Iterable[Review], *, code: bool) -> Iterator[Line]:
    """Yield the lines of all changes with the code that differs."""
    for review in reviews:
        yield from lines(screen, [review.change])
        if review.code:
            yield (f"      code: {plan_code.summary(review.code)}",)
        for file, shown in plan_code.file_lines(review.code) if review.code and code else ():
            yield (f"        {file.name}",)
            yield from ((f"        {sign} ", *line) for sign, line in shown)


def lines(screen: Screen, changes: Iterable[Change]) -> Iterator[Line]:
    """Yield the lines of all changes, and of kept resources with a reason."""
    for change in changes:
        if change.action is Action.KEEP and not change.reason:
            continue
        yield from change_lines(screen, change)
        if change.action in (Action.UPDATE, Action.REPLACE, Action.ADOPT, Action.REFUSE):
            yield from delta_lines(change.attributes, "      ")


def change_lines(screen: Screen, change: Change) -> Iterator[Line]:
    mark, colour, _ = looks.ACTIONS[change.action]
    yield (f"{mark} {change.action:<8}", colour), (f"{change.resource:<24}", "bold"), change.name
    if change.reason:
        yield (f"      {screen.completed(change.reason)}",)


def delta_lines(deltas: Mapping[str, Delta], indent: str) -> Iterator[Line]:
    for path, before, after in shown_deltas(deltas):
        yield f"{indent}{path}: ", (before, looks.OLD), " -> ", (after, looks.NEW)


def shown_deltas(deltas: Mapping[str, Delta]) -> Iterator[tuple[str, str, str]]:
    """Yield the path, the value before and the value after of each difference, as text."""
    for path, delta in deltas.items():
        if deltas.get(path.removeprefix(_LIVE)) == delta and path.startswith(_LIVE):
            continue  # the version in use differs just as the function does
        before, after, equal = _without_equal(delta.before, delta.after)
        besides = f" (besides {equal:,} equal)" if equal else ""
        yield f"{path}{besides}", _shown(before), _shown(after)


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


def before_error(changes: Sequence[Change]) -> Iterator[Line]:
    """Yield a line about the changes that were done before an error, if there were any."""
    if any(change.action is not Action.KEEP for change in changes):
        yield (f"Done before the error: {summary(changes, done=True)}",)


def review_document(screen: Screen, review: Review) -> dict[str, object]:
    found = document(screen, review.change)
    return found | ({"code": plan_code.document(review.code)} if review.code else {})


def document(screen: Screen, change: Change) -> dict[str, object]:
    found: dict[str, object] = {
        "resource": change.resource,
        "kind": change.kind,
        "name": change.name,
        "action": change.action,
        "attributes": deltas_document(change.attributes),
    }
    return found | ({"reason": screen.completed(change.reason)} if change.reason else {})


def deltas_document(deltas: Mapping[str, Delta]) -> dict[str, object]:
    return {path: {"from": delta.before, "to": delta.after} for path, delta in deltas.items()}


def _without_equal(before: object, after: object) -> tuple[object, object, int]:
    """Return two values, and the number of entries that were left out of long lists because both have them.

    The one statement in which two policies differ may be behind many that are equal.
    """
    if not isinstance(before, list) or not isinstance(after, list):
        return before, after, 0
    if max(len(dumps(value, indent=None)) for value in (before, after)) <= _LONGEST_VALUE:
        return before, after, 0
    found = [each for each in before if each not in after]
    wanted = [each for each in after if each not in before]
    if not found and not wanted:
        return before, after, 0  # the order differs, or the number of equal ones
    return found, wanted, len(after) - len(wanted)


def _shown(value: object) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else dumps(value, indent=None).replace(f'"{UNKNOWN}"', str(UNKNOWN))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"
