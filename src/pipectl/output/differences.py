"""Differences of attributes, as lines: policies by statement, lists by entry, mappings by key.

What is equal may be counted. What differs is never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipectl.engine.model import Delta
from pipectl.output import looks
from pipectl.output.console import Line
from pipectl.output.plan_line import PlanLine
from pipectl.output.serializer import parsed
from pipectl.output.values import as_json, entries, entry, is_simple, listed, name, pair
from pipectl.review.statements import Compared, Here, compare, is_policy, split

LIVE = "live."
"""The beginning of the attributes of the version in use."""
_LONGEST_PAIR = 90
"""Characters of two values on one line."""
_MOST_EQUAL = 1
"""Unchanged statements that are shown."""
_DEEPEST = 6
SIGN_LOOK = {"-": looks.OLD, "+": looks.NEW, "~": looks.ATTENTION, "!": looks.BAD, "✓": looks.GOOD, " ": ""}


def by_arrow(before: str, after: str) -> Line:
    """``4 days -> 14 days``."""
    return (before, looks.OLD), " -> ", (after, looks.NEW)


def by_words(before: str, after: str) -> Line:
    """``found 4 days, wanted 14 days``."""
    return "found ", (before, looks.OLD), ", wanted ", (after, looks.NEW)


@dataclass(frozen=True)
class Shown:
    """The way to show the differences of one resource.

    Args:
        here: The resource, whose ARN is shortened.
        unit: Returns the unit of an attribute.
        both: Joins two values.
        changed: The words before a statement that is changed.
    """

    here: Here
    unit: Callable[[str], str | None]
    both: Callable[[str, str], Line] = by_arrow
    changed: str = ""


def here_of(kind: str, physical: str, deltas: Mapping[str, Delta]) -> Here:
    """Return a resource as its policy sees it. Its ARN is the one that the desired policy names."""
    wanted = deltas["policy"].after if "policy" in deltas else None
    found = [arn for each in wanted or [] for arn in each.get("Resource", [])] if is_policy(wanted) else []
    bucket = f"arn:aws:s3:::{physical}" if kind == "bucket" else None
    return Here(next((arn for arn in found if arn.endswith(f":{physical}")), bucket), kind)


def difference_lines(deltas: Mapping[str, Delta], shown: Shown) -> Iterator[PlanLine]:
    """Yield the lines of all differences of a resource."""
    for path, delta in distinct(deltas).items():
        yield from _difference(path, delta.before, delta.after, shown, 1, shown.unit(path.removeprefix(LIVE)))


def distinct(deltas: Mapping[str, Delta]) -> dict[str, Delta]:
    """Return the differences without those of the version in use that the function itself has, too."""
    return {
        path: delta
        for path, delta in deltas.items()
        if not path.startswith(LIVE) or deltas.get(path.removeprefix(LIVE)) != delta
    }


def _difference(
    label: str, before: object, after: object, shown: Shown, depth: int, unit: str | None = None
) -> Iterator[PlanLine]:
    old, new = parsed(before), parsed(after)
    if old == new or depth >= _DEEPEST:
        yield from _two(label, as_json(before), as_json(after), shown, depth)
    elif _are(dict, old, new):
        yield PlanLine("~", depth, (f"{name(label)}:",))
        yield from _by_key(_mapping(old), _mapping(new), shown, depth + 1)
    elif _are(list, old, new) and not _is_short(old, new):
        yield PlanLine("~", depth, (f"{name(label)}:",))
        yield from _by_entry(_list(old), _list(new), shown, depth + 1)
    else:
        yield from _two(label, *pair(before, after, unit), shown, depth)


def _two(label: str, before: str, after: str, shown: Shown, depth: int) -> Iterator[PlanLine]:
    """Yield two values on one line, or each on its own line where they are long."""
    if len(before) + len(after) <= _LONGEST_PAIR:
        yield PlanLine("~", depth, (f"{name(label)}: ", *shown.both(before, after)))
        return
    yield PlanLine("~", depth, (f"{name(label)}:",))
    yield PlanLine("-", depth + 1, ((before, looks.OLD),))
    yield PlanLine("+", depth + 1, ((after, looks.NEW),))


def _by_key(before: Mapping[str, object], after: Mapping[str, object], shown: Shown, depth: int) -> Iterator[PlanLine]:
    equal = 0
    for key in sorted(before.keys() | after.keys()):
        if key in before and key in after and before[key] == after[key]:
            equal += 1
        elif key in before and key in after:
            yield from _difference(key, before[key], after[key], shown, depth)
        else:
            sign, value = ("-", before[key]) if key in before else ("+", after[key])
            yield from one_sided(sign, key, value, shown.here, depth)
    yield from _unchanged(equal, depth)


def one_sided(sign: str, label: str, value: object, here: Here, depth: int) -> Iterator[PlanLine]:
    """Yield a named value that is only added, or only removed."""
    look = SIGN_LOOK[sign]
    if isinstance(value, list) and len(value) == 1:
        yield PlanLine(sign, depth, (f"{name(label)}: ", (entry(value[0], here), look)))
    elif is_simple(value) or depth >= _DEEPEST:
        text = listed(value) if is_simple(value) else as_json(value)
        yield PlanLine(sign, depth, (f"{name(label)}: ", (text, look)))
    elif isinstance(value, dict) and len(value) == 1:
        for key, each in value.items():
            yield from one_sided(sign, f"{label}.{key}", each, here, depth)
    elif isinstance(value, dict):
        yield PlanLine(sign, depth, (f"{name(label)}:",))
        for key, each in value.items():
            yield from one_sided(sign, key, each, here, depth + 1)
    elif isinstance(value, list):
        yield PlanLine(sign, depth, (f"{name(label)}:",))
        yield from (PlanLine(sign, depth + 1, ((entry(each, here), look),)) for each in value)
    else:
        yield PlanLine(sign, depth, (f"{name(label)}: ", (as_json(value), look)))


def _by_entry(before: Sequence[object], after: Sequence[object], shown: Shown, depth: int) -> Iterator[PlanLine]:
    if is_policy(before) or is_policy(after):
        yield from _by_statement(before, after, shown, depth)
        return
    gone, new, equal = split(before, after)
    if not gone and not new:
        gone, new, equal = [before], [after], []  # only the order differs
    old, wanted = entries(gone, new, shown.here), entries(new, gone, shown.here)
    yield from (PlanLine("-", depth, ((each, looks.OLD),)) for each in old)
    yield from (PlanLine("+", depth, ((each, looks.NEW),)) for each in wanted)
    yield from _unchanged(len(equal), depth)


def _by_statement(before: Sequence[object], after: Sequence[object], shown: Shown, depth: int) -> Iterator[PlanLine]:
    here = shown.here
    compared = compare(before, after, here)
    found = [each for each in compared if each.sign != " "]
    equal = [each for each in compared if each.sign == " "]
    if not found:
        found, equal = [Compared(before=list(before)), Compared(after=list(after))], []  # only the order differs
    for each in found:
        others = [other.before if each.after is not None else other.after for other in found]
        value = each.before if each.after is None else each.after
        [text] = entries([value], [other for other in others if other is not None and other != value], here)
        words = shown.changed if each.sign == "~" else ""
        yield PlanLine(each.sign, depth, (words, (text, SIGN_LOOK[each.sign])))
        yield from (PlanLine(sign, depth + 1, ((part, SIGN_LOOK[sign]),)) for sign, part in each.parts)
    if len(equal) > _MOST_EQUAL:
        yield from _unchanged(len(equal), depth)
    else:
        yield from (PlanLine(" ", depth, (entry(each.after, here), ("  (unchanged)", looks.LESS))) for each in equal)


def _unchanged(count: int, depth: int) -> Iterator[PlanLine]:
    if count:
        yield PlanLine(" ", depth, ((f"({count:,} unchanged)", looks.LESS),))


def _are(kind: type, before: object, after: object) -> bool:
    """Return whether one value is of a kind, and the other one is, too, or is absent."""
    values = [each for each in (before, after) if each is not None]
    return bool(values) and all(isinstance(each, kind) for each in values) and any(values)


def _is_short(before: object, after: object) -> bool:
    """Return whether two lists fit on one line: without structure, and with at most one entry each."""
    return all(is_simple(each) and len(_list(each)) <= 1 for each in (before, after))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
