"""The lines of a plan: one structure that the terminal and markdown draw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pipectl.engine.model import UNKNOWN, Action, AttributeValue, Change
from pipectl.output import looks, plan_code
from pipectl.output.differences import Shown, difference_lines, here_of, one_sided
from pipectl.output.plan_line import PlanLine as PlanLine
from pipectl.output.values import as_json, is_simple, listed, name, plain, unit_of
from pipectl.review.model import CodeChange, Flag, Review, When
from pipectl.text import pluralize

Completed = Callable[[str], str]
_TAGS = "tags."
_CODE = ("code_sha256", "live.code_sha256")
_WIDTH = 80
_LEAST_WIDTH = 24
_LONG = 60
"""Characters of a setting that has a line of its own."""
WHEN = {When.OPENED: "NEW RISK", When.CLOSED: "FIXES A RISK", When.STAYS: "RISK STAYS"}
"""Words before the reason of a risk."""
_UNMANAGED = " (pipectl does not manage it)"
_ORDER = (Action.DELETE, Action.REPLACE, Action.ADOPT, Action.UPDATE, Action.CREATE, Action.KEEP)
"""Actions, the one to look at first before the others."""
_LEAST_ALIKE = 3
"""Resources with the same changed tags that are one entry."""
_NO_SETTINGS = ("superseded", "live.weights")
"""Attributes that a resource only gets later."""


def plan_lines(
    reviews: Sequence[Review], completed: Completed, *, code: bool = False, settings: bool = True, width: int = _WIDTH
) -> Iterator[PlanLine]:
    """Yield the lines of all changes, and of kept resources that have something to say.

    Refused resources come first, then those with risks, those whose risks are fixed, and the others by action.

    Args:
        reviews: The changes.
        completed: Adds the options that were used to the commands of a sentence: `Screen.completed`.
        code: With the lines of code that differ.
        settings: With the settings of resources that are created.
        width: Columns of a line with several settings.
    """
    common = _common_tags([review.change for review in reviews]) if settings else None
    alike = _alike(reviews)
    for review in sorted(reviews, key=_urgency):
        group = alike.get(_changed_tags(review) or "", [])
        if not group and (review.change.action is not Action.KEEP or review.change.reason or review.flags):
            yield from _review_lines(review, completed, common, code, width)
    for group in alike.values():
        yield from _group_lines(group)
    if common:
        yield PlanLine("+", 0, ("tags of all new resources: ", listed(common)))


def change_line(change: Change) -> PlanLine:
    """Return the first line of a change: its action, key and physical name. An orphan has no key, but a kind."""
    mark, colour, _ = looks.ACTIONS[change.action]
    key = change.kind if change.resource.startswith(f"{change.kind}/") else change.resource
    return PlanLine(mark, 0, ((f"{change.action:<8}", colour), (f"{key:<23} ", "bold"), change.name))


def flag_lines(flag: Flag, completed: Completed) -> Iterator[PlanLine]:
    """Yield a risk with its time, and its advice. A risk that the change fixes is good news, and no warning."""
    sign, look = ("✓", looks.GOOD) if flag.when is When.CLOSED else ("!", looks.BAD)
    because = _UNMANAGED if flag.when is When.STAYS else ""
    yield PlanLine(sign, 1, ((f"{WHEN[flag.when]}:", look), f" {flag.reason}{because}"))
    if flag.hint:
        yield PlanLine(" ", 1, (f"Hint: {completed(flag.hint)}",))


def _urgency(review: Review) -> tuple[bool, bool, bool, int]:
    action = review.change.action
    rank = _ORDER.index(action) if action in _ORDER else -1
    risky = any(flag.when is not When.CLOSED for flag in review.flags)
    return action is not Action.REFUSE, not risky, not review.flags, rank


def _alike(reviews: Iterable[Review]) -> dict[str, list[Review]]:
    """Return the resources that have nothing but the same changed tags, by these tags."""
    found: dict[str, list[Review]] = {}
    for review in reviews:
        if tags := _changed_tags(review):
            found.setdefault(tags, []).append(review)
    return {tags: group for tags, group in found.items() if len(group) >= _LEAST_ALIKE}


def _changed_tags(review: Review) -> str | None:
    """Return the changed tags of a resource as one text; ``None`` where there is more to show than tags."""
    change = review.change
    if change.action is not Action.UPDATE or change.reason or review.flags or review.code:
        return None
    tags = {path: [delta.before, delta.after] for path, delta in change.attributes.items() if path.startswith(_TAGS)}
    return as_json(tags) if tags and len(tags) == len(change.attributes) else None


def _group_lines(group: Sequence[Review]) -> Iterator[PlanLine]:
    """Yield the lines of resources that have nothing but the same changed tags."""
    mark, colour, _ = looks.ACTIONS[Action.UPDATE]
    yield PlanLine(mark, 0, ((f"{Action.UPDATE:<8}", colour), (f"tags of {pluralize(len(group), 'resource')}", "bold")))
    yield PlanLine(" ", 1, (", ".join(review.change.resource for review in group),))
    first = group[0].change
    yield from difference_lines(first.attributes, Shown(here_of(first.kind, first.name, {}), lambda _: None))


def _review_lines(
    review: Review, completed: Completed, common: Mapping[str, AttributeValue] | None, code: bool, width: int
) -> Iterator[PlanLine]:
    change = review.change
    yield change_line(change)
    for flag in review.flags:
        yield from flag_lines(replace(flag, reason=_about_this(change, flag.reason)), completed)
    for reason in _reasons(change):
        yield PlanLine(" ", 1, (completed(reason),))
    if review.code:
        yield from _code_lines(review.code, code)
    if change.action is Action.CREATE:
        if common is not None:
            yield from _settings(change, common, width, without=_CODE if review.code and _differs(review.code) else ())
        return
    deltas = dict(change.attributes)
    if review.code and _differs(review.code):
        deltas = {path: delta for path, delta in deltas.items() if path not in _CODE}
    shown = Shown(here_of(change.kind, change.name, deltas), partial(unit_of, change.resource))
    yield from difference_lines(deltas, shown)


def _differs(code: CodeChange) -> bool:
    return bool(code.files or code.packages)


def _reasons(change: Change) -> list[str]:
    """Return the reason of a change; each of the many facts about an adopted resource has a line of its own."""
    reason = change.reason or ""
    return reason.split("; ") if reason and change.action is Action.ADOPT else [reason] if reason else []


def _about_this(change: Change, reason: str) -> str:
    """Return a reason that does not repeat the name in the line above: ``this bucket``."""
    return re.sub(rf"\b{re.escape(f'{change.kind} {change.name}')}(?![\w.-])", f"this {change.kind}", reason)


def _code_lines(changed: CodeChange, code: bool) -> Iterator[PlanLine]:
    sign, entries = " " if changed.new else "~", plan_code.entries(changed)
    if len(entries) <= plan_code.SIDE_BY_SIDE:
        yield PlanLine(sign, 1, (f"code: {', '.join(entries)}",))
    else:
        yield PlanLine(sign, 1, (f"code: {plan_code.count(changed)}",))
        yield from (PlanLine(" ", 2, (entry,)) for entry in entries)
    for file, shown in plan_code.file_lines(changed) if code else ():
        yield PlanLine(" ", 2, ((plan_code.named(file), "bold"),))
        yield from (PlanLine(sign, 3, line) for sign, line in shown)


def _settings(
    change: Change, common: Mapping[str, AttributeValue], width: int, *, without: Sequence[str]
) -> Iterator[PlanLine]:
    """Yield all settings of a resource that is created: short ones side by side, empty ones by name.

    A value that is only known after the creation is no setting.
    """
    wanted = {path: delta.after for path, delta in change.attributes.items() if not path.startswith(_TAGS)}
    tags = {key: value for key, value in _tags(change).items() if key not in common}
    here = here_of(change.kind, change.name, change.attributes)
    if isinstance(live := wanted.pop("live", None), dict):
        wanted |= {f"live.{key}": each for key, each in live.items() if key not in wanted or wanted[key] != each}
    wanted = {key: value for key, value in wanted.items() if value != UNKNOWN and key not in without}
    empty = [key for key, value in wanted.items() if value in (None, [], {}, "") and key not in _NO_SETTINGS]
    filled = {key: value for key, value in wanted.items() if value not in (None, [], {}, "")} | (
        {"tags": tags} if tags else {}
    )
    simple = {key: value for key, value in filled.items() if is_simple(value)}
    items = [f"{name(key)}: {_setting(change, key, value)}" for key, value in simple.items()]
    items += [f"none: {', '.join(empty)}"] if empty else []
    yield from (PlanLine(" ", 1, (line,)) for line in _packed(items, max(width, _LEAST_WIDTH) - 4))
    for key, value in filled.items():
        if key not in simple:
            yield from (PlanLine(" ", each.depth, each.parts) for each in one_sided(" ", key, value, here, 1))


def _setting(change: Change, key: str, value: object) -> str:
    return listed(value) if isinstance(value, dict | list) else plain(value, unit_of(change.resource, key))


def _packed(items: Iterable[str], width: int) -> Iterator[str]:
    """Yield lines of several short settings."""
    line = ""
    for item in items:
        longer = f"{line}   {item}" if line else item
        if line and (len(longer) > width or len(item) > _LONG):
            yield line
            longer = item
        line = longer
        if len(item) > _LONG:
            yield line
            line = ""
    if line:
        yield line


def _common_tags(changes: Iterable[Change]) -> dict[str, AttributeValue]:
    """Return the tags that all created resources have, where there are several."""
    created = [_tags(change) for change in changes if change.action is Action.CREATE]
    first, *others = created or [{}]
    return {key: value for key, value in first.items() if others and all(each.get(key) == value for each in others)}


def _tags(change: Change) -> dict[str, AttributeValue]:
    return {
        path.removeprefix(_TAGS): delta.after for path, delta in change.attributes.items() if path.startswith(_TAGS)
    }
