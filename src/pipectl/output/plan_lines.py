"""The lines of a plan: one structure that the terminal and markdown draw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from pipectl.config.models import unit_of
from pipectl.engine.model import Action, AttributeValue, Change
from pipectl.output import looks, plan_code
from pipectl.output.differences import Shown, difference_lines, here_of, one_sided
from pipectl.output.plan_line import PlanLine as PlanLine
from pipectl.output.values import is_simple, listed, name, plain
from pipectl.review.model import CodeChange, Flag, FlagKind, Review, When

Completed = Callable[[str], str]
_TAGS = "tags."
_CODE = ("code_sha256", "live.code_sha256")
_LINE = 76
"""Characters of a line with several settings."""
_OPEN = (FlagKind.EVERYBODY, FlagKind.OTHER_ACCOUNT)
_WHEN = {
    When.OPENED: "this change causes it",
    When.CLOSED: "true now; this change ends it",
    When.STAYS: "stays: pipectl does not manage it",
}
_WHEN_OPEN = {**_WHEN, When.OPENED: "this change opens it", When.CLOSED: "open now; this change closes it"}


def plan_lines(reviews: Sequence[Review], completed: Completed, *, code: bool = False) -> Iterator[PlanLine]:
    """Yield the lines of all changes, and of kept resources that have something to say.

    Args:
        reviews: The changes.
        completed: Adds the options that were used to the commands of a sentence: `Screen.completed`.
        code: With the lines of code that differ.
    """
    common = _common_tags([review.change for review in reviews])
    for review in reviews:
        if review.change.action is not Action.KEEP or review.change.reason or review.flags:
            yield from _review_lines(review, completed, common, code)
    if common:
        yield PlanLine("+", 0, ("tags of all new resources: ", listed(common)))


def change_line(change: Change) -> PlanLine:
    """Return the first line of a change: its action, key and physical name."""
    mark, colour, _ = looks.ACTIONS[change.action]
    return PlanLine(mark, 0, ((f"{change.action:<8}", colour), (f"{change.resource:<23} ", "bold"), change.name))


def flag_lines(flag: Flag, completed: Completed) -> Iterator[PlanLine]:
    """Yield a warning with its time, and its advice."""
    words = (_WHEN_OPEN if flag.kind in _OPEN else _WHEN)[flag.when]
    look = looks.ATTENTION if flag.when is When.CLOSED else looks.BAD
    yield PlanLine("!", 1, ((f"{flag.reason[:1].upper()}{flag.reason[1:]}", look), f" ({words})"))
    if flag.hint:
        yield PlanLine(" ", 1, (f"Hint: {completed(flag.hint)}",))


def _review_lines(
    review: Review, completed: Completed, common: Mapping[str, AttributeValue], code: bool
) -> Iterator[PlanLine]:
    change = review.change
    yield change_line(change)
    for flag in review.flags:
        yield from flag_lines(flag, completed)
    if change.reason:
        yield PlanLine(" ", 1, (completed(change.reason),))
    if review.code:
        yield from _code_lines(review.code, code)
    if change.action is Action.CREATE:
        yield from _settings(change, common)
        return
    deltas = dict(change.attributes)
    if review.code and review.code.files:
        deltas = {path: delta for path, delta in deltas.items() if path not in _CODE}
    shown = Shown(here_of(change.kind, change.name, deltas), partial(unit_of, change.resource))
    yield from difference_lines(deltas, shown)


def _code_lines(changed: CodeChange, code: bool) -> Iterator[PlanLine]:
    sign, entries = " " if changed.new else "~", plan_code.entries(changed)
    if len(entries) <= plan_code.SIDE_BY_SIDE:
        yield PlanLine(sign, 1, (f"code: {', '.join(entries)}",))
    else:
        yield PlanLine(sign, 1, (f"code: {len(changed.files):,} files",))
        yield from (PlanLine(" ", 2, (entry,)) for entry in entries)
    for file, shown in plan_code.file_lines(changed) if code else ():
        yield PlanLine(" ", 2, ((plan_code.named(file), "bold"),))
        yield from (PlanLine(sign, 3, line) for sign, line in shown)


def _settings(change: Change, common: Mapping[str, AttributeValue]) -> Iterator[PlanLine]:
    """Yield all settings of a resource that is created: short ones side by side, empty ones by name."""
    wanted = {path: delta.after for path, delta in change.attributes.items() if not path.startswith(_TAGS)}
    tags = {key: value for key, value in _tags(change).items() if key not in common}
    here = here_of(change.kind, change.name, change.attributes)
    if isinstance(live := wanted.pop("live", None), dict):
        wanted |= {f"live.{key}": each for key, each in live.items() if key not in wanted or wanted[key] != each}
    empty = [key for key, value in wanted.items() if value in (None, [], {}, "")]
    filled = {key: value for key, value in wanted.items() if key not in empty} | ({"tags": tags} if tags else {})
    simple = {key: value for key, value in filled.items() if is_simple(value)}
    items = [f"{name(key)}: {_setting(change, key, value)}" for key, value in simple.items()]
    items += [f"none: {', '.join(empty)}"] if empty else []
    yield from (PlanLine(" ", 1, (line,)) for line in _packed(items))
    for key, value in filled.items():
        if key not in simple:
            yield from (PlanLine(" ", each.depth, each.parts) for each in one_sided(" ", key, value, here, 1))


def _setting(change: Change, key: str, value: object) -> str:
    return listed(value) if isinstance(value, dict | list) else plain(value, unit_of(change.resource, key))


def _packed(items: Iterable[str]) -> Iterator[str]:
    """Yield lines of several short settings."""
    line = ""
    for item in items:
        longer = f"{line}   {item}" if line else item
        if line and len(longer) > _LINE:
            yield line
            longer = item
        line = longer
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
