"""Values of attributes as words: one line each, whatever is in them, and never cut."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipectl.config import models
from pipectl.engine.model import UNKNOWN
from pipectl.output.serializer import dumps, parsed
from pipectl.resources.function import HIDDEN
from pipectl.review.statements import Here, is_statement, sentence
from pipectl.text import measured

NONE = "(none)"
_WORD = re.compile(r"[^\s,=\"'()]+")
"""A text that needs no quotes in a list."""
_WORDS = re.compile(r"[\w.-]+(?: [\w.-]+)*", re.ASCII)
"""Simple words, such as a key and its type, which need no quotes in a list either."""
_FIXED_UNITS = {"delay": "seconds", "tumbling_window": "seconds"}
"""Units of attributes that no config sets."""
_MISLEADING = ("  ", " -> ", ", wanted ", "(unchanged)")
"""Texts that look like the end of a value."""


def unit_of(resource: str, attribute: str) -> str | None:
    """Return the unit of an attribute; ``None`` for one without a unit."""
    return models.unit_of(resource, attribute) or _FIXED_UNITS.get(attribute)


def plain(value: object, unit: str | None = None) -> str:
    """Return a value as words: ``14 days``, ``true``, ``(none)``; all that is structured as JSON."""
    if value is None:
        return NONE
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, float) and unit == "days":
        return measured(value, unit)
    if isinstance(value, int) and not isinstance(value, bool) and unit:
        return f"{value} {unit.removesuffix('s') if value == 1 else unit}"
    if isinstance(value, list) and len(value) == 1 and is_simple(value):
        return _in_list(value[0])
    return value if isinstance(value, str) and _needs_no_quotes(value) else as_json(value)


def pair(before: object, after: object, unit: str | None = None) -> tuple[str, str]:
    """Return two different values as two different texts."""
    texts = tuple(NONE if each == [] else plain(each, unit) for each in (before, after))
    return (texts[0], texts[1]) if texts[0] != texts[1] else (as_json(before), as_json(after))


def listed(value: object) -> str:
    """Return a list or a mapping of simple values: ``a, b``, ``key=value, other=value``."""
    if isinstance(value, dict) and value:
        return ", ".join(f"{_in_list(key)}={_in_list(each)}" for key, each in value.items())
    return ", ".join(map(_in_list, value)) if isinstance(value, list) and value else plain(value)


def entries(values: Sequence[object], others: Sequence[object], here: Here) -> list[str]:
    """Return each entry of a list in words, so that it differs from the ``others``."""
    texts = [entry(each, here) for each in values]
    return [as_json(each) for each in values] if {*texts} & {entry(each, here) for each in others} else texts


def entry(value: object, here: Here) -> str:
    """Return an entry of a list: statements as sentences."""
    return sentence(value, here) if is_statement(value) else plain(value)


def name(text: str) -> str:
    """Return the name of an attribute or a key; in quotes where it could be read as more than that."""
    return text if _WORD.fullmatch(text) and text.isprintable() and not text.endswith(":") else as_json(text)


def is_simple(value: object) -> bool:
    """Return whether a value, or every value of a list or mapping, is a text or a number on one line."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return not any(isinstance(each, dict | list) or (isinstance(each, str) and "\n" in each) for each in members)


def as_json(value: object) -> str:
    text = dumps(value, indent=None)
    return text if isinstance(value, str) else text.replace(f'"{UNKNOWN}"', str(UNKNOWN))


def _in_list(value: object) -> str:
    text = plain(value)
    fits = not isinstance(value, str) or _WORD.fullmatch(text) or _WORDS.fullmatch(text) or _is_shown_json(value)
    return text if fits else as_json(value)


def _is_shown_json(text: str) -> bool:
    """Return whether a text is a whole JSON object or list, such as a filter, without anything that misleads."""
    return parsed(text) is not text and text.isprintable() and not any(each in text for each in _MISLEADING)


def _needs_no_quotes(text: str) -> bool:
    """Return whether a text can be read only as itself: not as a sign, another value or the end of one."""
    return (
        text == HIDDEN
        or _is_shown_json(text)
        or (
            text.isprintable()
            and text == text.strip()
            and text[:1] not in ("", '"', "(", "[", "{")
            and not any(each in text for each in _MISLEADING)
        )
    )
