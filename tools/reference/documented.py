"""Meanings of the keys of JSON documents, from the docstrings of the dataclasses that the serializer writes."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import get_args, get_type_hints

from tools.reference.error_sources import SOURCE

from pipectl.output.serializer import camel_case

_FEWEST_KEYS = 2
_WITHOUT_IMPORT = ("__main__", "workers")
"""Modules that run when they are imported."""


@dataclass(frozen=True)
class Meaning:
    """A field of a dataclass: its words, and the values that it can have, where they are a closed list."""

    words: str
    values: tuple[str, ...] = ()


def meanings(keys: Collection[str]) -> Mapping[str, Meaning]:
    """Return the meanings of the keys of an object: of the dataclass that has the most of them, and nothing else."""
    fitting = [each for each in _documented() if len(each) >= _FEWEST_KEYS and each.keys() <= set(keys)]
    most = max(map(len, fitting), default=0)
    best = [each for each in fitting if len(each) == most]
    return {
        key: found
        for key, found in (best[0] if best else {}).items()
        if all(each[key] == found for each in best if key in each)
    }


@cache
def _documented() -> tuple[Mapping[str, Meaning], ...]:
    """Return the fields of every dataclass with their meanings, by their keys in JSON."""
    return tuple(
        {camel_case(field.name): _meaning(kind, field.name) for field in dataclasses.fields(kind)}
        for kind in _dataclasses()
    )


def _dataclasses() -> Iterator[type]:
    for module in pkgutil.walk_packages([str(SOURCE)], "pipectl."):
        if not any(part in _WITHOUT_IMPORT for part in module.name.split(".")):
            for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if dataclasses.is_dataclass(kind) and kind.__module__ == module.name:
                    yield kind


def _meaning(kind: type, field: str) -> Meaning:
    for each in kind.__mro__:
        if words := _arguments(inspect.cleandoc(each.__doc__ or "")).get(field):
            return Meaning(words, _values(kind, field))
    return Meaning("", _values(kind, field))


def _arguments(docstring: str) -> Mapping[str, str]:
    """Return the sections ``Args`` and ``Attributes`` of a docstring by name, each in one line of Markdown."""
    found: dict[str, str] = {}
    for section in re.findall(r"^(?:Args|Attributes):\n((?:(?: .*)?\n?)*)", docstring, re.MULTILINE):
        for name, words in re.findall(r"^(\w+): (.*(?:\n(?: .*|$))*)", textwrap.dedent(section), re.MULTILINE):
            found[name] = " ".join(words.split()).replace("``", "`")
    return found


def _values(kind: type, field: str) -> tuple[str, ...]:
    try:
        hint = get_type_hints(kind).get(field)
    except NameError:  # a name that only type checkers import
        return ()
    enums = [each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, Enum)]
    return tuple(str(member.value) for enum in enums for member in enum)
