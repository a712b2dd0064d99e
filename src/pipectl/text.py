"""Plurals, numbers, lists of names, and commands with their options, in messages."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence


def pluralize(count: int, noun: str) -> str:
    """``1 item``, ``2 items``, ``1,200 items``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def first_names(names: Sequence[str], most: int) -> str:
    """``a, b, c and 2 more``: the first names, and the number of the others."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


_IN_SECONDS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def measured(value: float, unit: str) -> str:
    """``256 MB``, ``1 day``, ``36 hours`` for 1.5 days: a number with its unit, exactly.

    Days that are no whole number are written in the largest unit of which they are a whole number.
    """
    if unit == "days" and not float(value).is_integer():
        seconds = round(value * 86_400)
        noun, length = next(each for each in _IN_SECONDS if seconds % each[1] == 0)
        return pluralize(seconds // length, noun)
    return pluralize(int(value), unit.removesuffix("s")) if unit.endswith("s") else f"{value:,} {unit}"


def with_flags(command: str, **flags: bool | Collection[str]) -> str:
    """``up --adopt bucket``: a command with the flags that are set, so that a hint repeats what the user typed.

    A flag with several values is repeated.
    """
    words = [command]
    for name, given in flags.items():
        flag = f"--{name.replace('_', '-')}"
        words += ([flag] if given else []) if isinstance(given, bool) else [f"{flag} {value}" for value in given]
    return " ".join(words)


_DOCUMENTATION = "https://github.com/pipectl/pipectl/blob/main/docs/"


def documentation(page: str) -> str:
    """Return the address of a page of the documentation, which an installed pipectl does not contain."""
    return f"{_DOCUMENTATION}{page}"


def shell_word(text: str) -> str:
    """Return a text as one word of a shell command. ``$'...'`` spells characters that no terminal can show."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(each if each.isprintable() else repr(each)[1:-1] for each in escaped)}'"
