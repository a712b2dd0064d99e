"""Causes: reasons that differ only in quoted texts and numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from itertools import takewhile
from typing import TypeVar

from pipectl.failures.sdk_errors import brief_reason

T = TypeVar("T")

_LONGEST_CAUSE = 160
_LONGEST_READ = 2000
_VARIABLE = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\d+)""")
"""Quoted texts and numbers, in which messages of one cause differ."""
_LAST_CLAUSE = re.compile(", [^,:]*$")
"""A clause that is cut in its middle, such as ``, got S``."""
_TRAILING = " \t\n\"'`([{<:;,=-#"


def by_cause(items: Iterable[T], reason_of: Callable[[T], str]) -> list[tuple[str, tuple[T, ...]]]:
    """Return items by the common beginning of their reasons, the largest group first."""
    groups: dict[str, list[tuple[str, T]]] = {}
    for item in items:
        text = _one_line(reason_of(item))
        groups.setdefault(_VARIABLE.sub("\0", text), []).append((text, item))
    found: dict[str, list[T]] = {}
    for members in groups.values():
        cause = _common_beginning({text for text, _ in members})
        found.setdefault(cause, []).extend(item for _, item in members)
    return sorted(((cause, tuple(members)) for cause, members in found.items()), key=lambda group: -len(group[1]))


def _common_beginning(texts: Collection[str]) -> str:
    """Return the words that all texts begin with, without the part of a quoted text or a number; one text is whole."""
    if len(texts) == 1:
        return next(iter(texts))
    parts = zip(*(_VARIABLE.split(text) for text in texts), strict=False)
    same = takewhile(lambda found: len(set(found)) == 1, parts)
    beginning = "".join(part for part, *_ in same).rstrip(_TRAILING)
    return _LAST_CLAUSE.sub("", beginning) or "different reasons"


def _one_line(reason: str) -> str:
    line = " ".join(brief_reason(reason[:_LONGEST_READ]).split())
    return line if len(line) <= _LONGEST_CAUSE else f"{line[: _LONGEST_CAUSE - 3]}..."
