"""A YAML file as plain values, with the line of every key. All problems of its YAML are found at once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeAlias

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from pipectl.errors import ConfigError, Problem
from pipectl.text import documentation

KeyPath: TypeAlias = tuple[str | int, ...]
"""A key, with the sections that it is in; the index of an entry of a list."""
Value: TypeAlias = "bool | int | float | str | bytes | date | list[Value] | dict[str, Value] | None"
"""A value as PyYAML reads it."""

EXTENDS = "extends"
"""The key of a config with the file that it is merged over."""
_NAME_IT = "name another config with -c FILE or PIPECTL_CONFIG"
LARGEST_BYTES = 1_000_000
MOST_VALUES = 5_000
"""A config has about a hundred values. PyYAML reads about ten thousand in a second."""
DEEPEST = 12
LONGEST_SHOWN = 60
_LARGEST_NUMBER_BITS = 1024
_LONGEST_NUMBER = 1_000
"""Characters. The time to read a number in base 60 grows with the square of its length."""
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_AMBIGUOUS_NUMBER = re.compile(r"[-+]?0[0-9_xob]|.*[_:]", re.IGNORECASE)
"""Numbers that YAML 1.1 reads in base 8, 16, 2 or 60, or without their underscores: ``0512`` is 330, ``1:30`` is 90."""
_INVALID_CHARACTER = re.compile("[\0\ud800-\udfff]")
"""NUL and lone surrogates: YAML can express them with an escape, but no name, tag or path can contain them."""


@dataclass
class Document:
    """The values of a file, the line of every key, and the problems of its YAML."""

    file: Path
    values: dict[str, Value] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fill(self, root: MappingNode) -> None:
        """Read the values below ``root``."""
        self.values = self._mapping(root, ())

    def _value(self, node: Node, path: KeyPath) -> Value:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def problem(self, node: Node, path: KeyPath, message: str) -> None:
        self.problems.append(problem_of(self.file, node.start_mark.line + 1, dotted(path), message))

    def _item(self, node: Node, path: KeyPath) -> Value:
        self.lines[path] = node.start_mark.line + 1
        return self._value(node, path)

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problem(key_node, path, "a key must be text")
                continue
            if _INVALID_CHARACTER.search(key_node.value):
                self.problem(key_node, path, f"the key {short(key_node.value)} has an invalid character")
                continue
            here = (*path, key_node.value)
            if key_node.value in values:
                self.problem(key_node, here, f"duplicate key; first in line {self.lines[here]}")
                continue
            self.lines[here] = key_node.start_mark.line + 1
            values[key_node.value] = self._value(value_node, here)
        return values

    def _scalar(self, node: Node, path: KeyPath) -> Value:
        if node.tag in _NUMBERS and (problem := _number_problem(node.value)):
            self.problem(node, path, problem)
            return None
        try:
            value: Value = yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ArithmeticError, ValueError, KeyError, AttributeError, TypeError) as error:
            # A wrong explicit tag, such as `!!timestamp later`, makes PyYAML raise any of these.
            text = getattr(error, "problem", None) or f"{short(node.value)} is not {node.tag.rpartition(':')[2]}"
            self.problem(node, path, f"cannot be read: {text}")
            return None
        if isinstance(value, int) and value.bit_length() > _LARGEST_NUMBER_BITS:  # Python refuses to print it
            self.problem(node, path, f"cannot be read: the number {short(node.value)} is too large")
            return None
        if isinstance(value, str) and _INVALID_CHARACTER.search(value):
            self.problem(node, path, f"cannot be read: {short(value)} has an invalid character")
            return None
        return value


def _number_problem(text: str) -> str | None:
    if len(text) > _LONGEST_NUMBER:
        return f"cannot be read: the number {short(text)} is too large"
    if _AMBIGUOUS_NUMBER.match(text):
        return (
            f"is {short(text)}, which YAML does not read as a decimal number; write plain digits without a leading 0; "
            "if it is text, put it in quotes"
        )
    return None


def problem_of(file: Path, line: int, key: str, message: str) -> Problem:
    """Return a problem of a file, whose name is shown with line breaks and escape codes escaped."""
    return Problem(printable(str(file)), line, key, message)


def read(file: Path) -> Document:
    """Return the values and the problems of a file.

    Raises:
        ConfigError: The file cannot be read, or is not YAML.
    """
    document = Document(file)
    document.fill(_root(_text(file), file))
    return document


def _text(file: Path) -> str:
    def wrong(message: str, hint: str | None = None) -> ConfigError:
        return ConfigError([problem_of(file, 0, "", message)], hint=hint)

    try:
        with file.open("rb") as stream:
            raw = stream.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise wrong("the file does not exist", _NAME_IT) from None
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}", _NAME_IT) from None
    if len(raw) > LARGEST_BYTES:
        raise wrong(f"is larger than {LARGEST_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([problem_of(file, line, "", "is not UTF-8")], hint="save it as UTF-8") from None


def _root(text: str, file: Path) -> MappingNode:
    def wrong(line: int, message: str) -> ConfigError:
        hint = f"the form of the file: {documentation('config.md')}"
        return ConfigError([problem_of(file, line, "", message)], hint=hint)

    try:
        root = _Composer(_bounded(yaml.SafeLoader(text), wrong)).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise wrong(mark.line + 1 if mark else 1, f"is not YAML: {words}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise wrong(line, f"is not YAML: invalid character {chr(error.character)!a}") from None
    if not isinstance(root, MappingNode):
        raise wrong(1, "must be keys and values" if root else "is empty")
    return root


class _Composer(Composer, Resolver):
    """Builds nodes from the events of a file, so that the file is read once."""

    def __init__(self, events: Iterable[yaml.Event]) -> None:
        Composer.__init__(self)
        Resolver.__init__(self)
        self._left = deque(events)

    def check_event(self, *kinds: type[yaml.Event]) -> bool:
        return isinstance(self._left[0], kinds)

    def peek_event(self) -> yaml.Event:
        return self._left[0]

    def get_event(self) -> yaml.Event:
        return self._left.popleft()


def _bounded(loader: yaml.SafeLoader, wrong: Callable[[int, str], ConfigError]) -> list[yaml.Event]:
    """Return all events. Deep nesting, which exhausts the stack, and aliases, which multiply, are refused."""
    depth, events = 0, list[yaml.Event]()
    for count, event in enumerate(_events(loader, wrong)):
        events.append(event)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if count > MOST_VALUES:
            raise wrong(line, f"has more than {MOST_VALUES:,} keys and values")
        if isinstance(event, yaml.AliasEvent):
            raise wrong(line, "aliases (*) are not allowed")
        if depth > DEEPEST:
            raise wrong(line, f"is nested more than {DEEPEST} deep")
    return events


def _events(loader: yaml.SafeLoader, wrong: Callable[[int, str], ConfigError]) -> Iterator[yaml.Event]:
    try:
        while loader.check_event():
            yield loader.get_event()  # type: ignore[no-untyped-call]
    except (ValueError, OverflowError):  # PyYAML does not check numbers in escape codes and directives
        raise wrong(loader.line + 1, "is not YAML: an escape code or a version is out of range") from None


def short(given: object) -> str:
    """Return a value as it is shown in a message, cut when it is long."""
    shown = str(given) if isinstance(given, date) else repr(given)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN - 3]}..."


def dotted(path: KeyPath) -> str:
    """Return the path as dotted keys, with line breaks and escape codes escaped."""
    return printable(".".join(map(str, path)))


def printable(text: str) -> str:
    """Return the text with line breaks and escape codes escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
