"""Strategies for unusual data: values of JSON, YAML and DynamoDB, and typing errors."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

WORDS = [
    *("", " ", "NaN", "Infinity", "-0", "1e999", "null", "true", "0x10", "1_000", "٣", "\ud800", "\udfff\ud83d", "\0"),
    *("a\nb", "\u2028", "../..", "a/b", "%2F", "🚚", "__proto__", "1" * 5000, "x" * 3000, "9" * 40, "2026-01-01"),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00Z", "24:00", "\x1b[31m"),
]
TEXTS = st.sampled_from(WORDS) | st.text(st.characters(), max_size=30)
"""Texts, also with lone surrogates, which JSON can express and UTF-8 cannot."""

NUMBERS = (
    st.integers()
    | st.sampled_from([0, -1, 2**53 + 1, 2**63, 10**38, 10**400, -(10**400), 253402300800, -62135596801])
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS


def trees(leaves: st.SearchStrategy[Any], names: st.SearchStrategy[str] = TEXTS) -> st.SearchStrategy[Any]:
    """Return a strategy for lists and maps of ``leaves``."""
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=10,
    )


JSON = trees(SCALARS)
"""Values that JSON can be parsed to."""


class Odd:
    """A value that a strategy cannot contain, or that `json` cannot write."""

    def grown(self) -> Any:
        raise NotImplementedError

    def text(self) -> str:
        raise NotImplementedError


class Endless(Odd):
    """A number that is out of range when it is parsed."""

    def grown(self) -> Any:
        return math.inf

    def text(self) -> str:
        return "1e999"


@dataclass(frozen=True)
class Deep(Odd):
    """Lists or maps nested ``depth`` deep. A negative depth counts from the recursion limit."""

    depth: int
    name: str | None = None

    def grown(self) -> Any:
        value: Any = "bottom"
        for _ in range(self._depth()):
            value = [value] if self.name is None else {self.name: value}
        return value

    def text(self) -> str:
        opening, closing = ("[", "]") if self.name is None else (f'{{"{self.name}": ', "}")
        return f'{opening * self._depth()}"bottom"{closing * self._depth()}'

    def _depth(self) -> int:
        return self.depth if self.depth > 0 else sys.getrecursionlimit() + self.depth


# Near the limit there are depths at which parsing succeeds and writing fails.
DEEP = st.builds(Deep, st.integers(1, 40) | st.integers(-60, 0) | st.just(20_000), st.sampled_from([None, "M", "a"]))


def grown(value: Any) -> Any:
    """Return a copy of ``value`` with every `Odd` replaced by its value."""
    if isinstance(value, Odd):
        return value.grown()
    if isinstance(value, dict):
        return {name: grown(member) for name, member in value.items()}
    return [grown(member) for member in value] if isinstance(value, list) else value


def json_of(value: Any, *, allow_nan: bool = True) -> str:
    """Return the JSON text, also of values that are nested too deep for `json`."""
    odd: list[Odd] = []

    def mark(found: Odd) -> str:
        odd.append(found)
        return f"<{len(odd) - 1}>"

    text = json.dumps(value, default=mark, allow_nan=allow_nan)
    for number, found in enumerate(odd):
        text = text.replace(f'"<{number}>"', found.text())
    return text


_TAGS = st.sampled_from(["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "X", "s", ""])


def _typed(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.builds(lambda tag, value: {tag: value}, _TAGS, inner)
        | st.builds(lambda values: {"L": values}, st.lists(inner, max_size=4))
        | st.builds(lambda values: {"M": values}, st.dictionaries(TEXTS, inner, max_size=4))
    )


TYPED = st.recursive(st.builds(lambda tag, value: {tag: value}, _TAGS, SCALARS), _typed, max_leaves=10)
"""Values in DynamoDB's typed form, also invalid ones."""


def replaced(value: Any, place: tuple[str, ...], odd: object) -> Any:
    """Return a copy of ``value`` with another value at ``place``."""
    if not place:
        return odd
    members = value if isinstance(value, dict) else {}
    return {**members, place[0]: replaced(members.get(place[0]), place[1:], odd)}


def without(value: Any, place: tuple[str, ...]) -> Any:
    """Return a copy of ``value`` without ``place``."""
    inner = value.get(place[0]) if isinstance(value, dict) else None
    if len(place) > 1 and isinstance(inner, dict):
        return {**value, place[0]: without(inner, place[1:])}
    return {name: member for name, member in value.items() if name != place[0]}


def places_of(value: Any) -> list[tuple[str, ...]]:
    """Return every path in nested maps."""
    if not isinstance(value, dict):
        return []
    return [place for name, inner in value.items() for place in [(name,), *((name, *p) for p in places_of(inner))]]
