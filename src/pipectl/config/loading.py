"""Read a config file: YAML with line numbers. All errors of a file are reported at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipectl.config.cross_checks import cross_problems
from pipectl.config.models import SHAPES, Config, field_unit, fields_of
from pipectl.errors import ConfigError, Problem

Path_: TypeAlias = tuple[str | int, ...]
Value: TypeAlias = "bool | int | float | str | bytes | date | list[Value] | dict[str, Value] | None"
"""A value as PyYAML reads it."""

_NAME_IT = "name the config with -c FILE or PIPECTL_CONFIG"
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
_STAND_INS: Mapping[tuple[str, ...], Value] = {
    ("environment",): "dev",
    ("team",): "team",
    ("project",): "project",
    ("processor",): {"source": "source", "runtime": "python3.14"},
    ("processor", "source"): "source",
    ("processor", "runtime"): "python3.14",
    ("auditor",): {"source": "source", "runtime": "python3.14"},
    ("auditor", "source"): "source",
    ("auditor", "runtime"): "python3.14",
}
"""Valid values for required keys. They replace invalid values, so that the rest of the file is still checked."""


@dataclass
class _Document:
    """The values of a file, the line of every key, and the problems of its YAML."""

    file: str
    lines: dict[Path_, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def value(self, node: Node, path: Path_) -> Value:
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def problem(self, node: Node, path: Path_, message: str) -> None:
        self.problems.append(Problem(self.file, node.start_mark.line + 1, _dotted(path), message))

    def line(self, path: Path_) -> int:
        """Return the line of a key, or of the nearest section above it in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _item(self, node: Node, path: Path_) -> Value:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def mapping(self, node: MappingNode, path: Path_) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problem(key_node, path, "a key must be text")
                continue
            if _INVALID_CHARACTER.search(key_node.value):
                self.problem(key_node, path, f"the key {_short(key_node.value)} has an invalid character")
                continue
            here = (*path, key_node.value)
            if key_node.value in values:
                self.problem(key_node, here, f"duplicate key; first in line {self.lines[here]}")
                continue
            self.lines[here] = key_node.start_mark.line + 1
            values[key_node.value] = self.value(value_node, here)
        return values

    def _scalar(self, node: Node, path: Path_) -> Value:
        if node.tag in _NUMBERS and (problem := _number_problem(node.value)):
            self.problem(node, path, problem)
            return None
        try:
            value: Value = yaml.constructor.SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ArithmeticError, ValueError, KeyError, AttributeError, TypeError) as error:
            # A wrong explicit tag, such as `!!timestamp later`, makes PyYAML raise any of these.
            text = getattr(error, "problem", None) or f"{_short(node.value)} is not {node.tag.rpartition(':')[2]}"
            self.problem(node, path, f"cannot be read: {text}")
            return None
        if isinstance(value, int) and value.bit_length() > _LARGEST_NUMBER_BITS:  # Python refuses to print it
            self.problem(node, path, f"cannot be read: the number {_short(node.value)} is too large")
            return None
        if isinstance(value, str) and _INVALID_CHARACTER.search(value):
            self.problem(node, path, f"cannot be read: {_short(value)} has an invalid character")
            return None
        return value


def _number_problem(text: str) -> str | None:
    if len(text) > _LONGEST_NUMBER:
        return f"cannot be read: the number {_short(text)} is too large"
    if _AMBIGUOUS_NUMBER.match(text):
        return (
            f"is {_short(text)}, which YAML does not read as a decimal number; write plain digits without a leading 0; "
            "if it is text, put it in quotes"
        )
    return None


def load(file: Path) -> Config:
    """Return the config in ``file``.

    Raises:
        ConfigError: The file cannot be read or is invalid. The error has every problem, with line and key.
    """
    text = _read(file)
    document = _Document(str(file))
    values = _parse(text, file, document)
    unreadable = {problem.key for problem in document.problems}
    config, found = _validate(values)
    problems = [
        *document.problems,
        *(
            Problem(str(file), document.line(path), _dotted(path), message)
            for path, message in found
            if _dotted(path) not in unreadable
        ),
    ]
    if problems or config is None:
        ordered = sorted(problems, key=lambda problem: problem.line)
        raise ConfigError(ordered, hint="docs/config.md describes every key")
    return config


def problems(values: dict[str, Value]) -> list[tuple[str, str]]:
    """Return the dotted key and the words of each problem of a config that is no file."""
    return [(_dotted(path), message) for path, message in _validate(values)[1]]


def _read(file: Path) -> str:
    def wrong(message: str, hint: str | None = None) -> ConfigError:
        return ConfigError([Problem(str(file), 0, "", message)], hint=hint)

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
        raise ConfigError([Problem(str(file), line, "", "is not UTF-8")], hint="save it as UTF-8") from None


def _parse(text: str, file: Path, document: _Document) -> dict[str, Value]:
    def wrong(line: int, message: str) -> ConfigError:
        return ConfigError([Problem(str(file), line, "", message)], hint="see config/dev.yaml for the form of the file")

    try:
        _bound(yaml.SafeLoader(text), wrong)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = ", ".join(part for part in (error.context, error.problem) if part)
        raise wrong(mark.line + 1 if mark else 1, f"is not YAML: {words}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise wrong(line, f"is not YAML: invalid character {chr(error.character)!a}") from None
    if not isinstance(root, MappingNode):
        raise wrong(1, "must be keys and values" if root else "is empty")
    return document.mapping(root, ())


def _bound(loader: yaml.SafeLoader, wrong: Callable[[int, str], ConfigError]) -> None:
    """Refuse deep nesting, which exhausts the stack, and aliases, which multiply, before values are built."""
    depth = 0
    for count, event in enumerate(_events(loader, wrong)):
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


def _events(loader: yaml.SafeLoader, wrong: Callable[[int, str], ConfigError]) -> Iterator[yaml.Event]:
    try:
        while loader.check_event():
            yield loader.get_event()  # type: ignore[no-untyped-call]
    except (ValueError, OverflowError):  # PyYAML does not check numbers in escape codes and directives
        raise wrong(loader.line + 1, "is not YAML: an escape code or a version is out of range") from None


def _validate(values: dict[str, Value]) -> tuple[Config | None, list[tuple[Path_, str]]]:
    """Validate. After an error, replace the invalid values with valid ones and continue, to find all problems."""
    problems: list[tuple[Path_, str]] = []
    values = copy.deepcopy(values)
    for _ in range(4):
        try:
            config = Config.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                path = detail["loc"]
                problems.append((path, _words(detail)))
                _replace_invalid(values, path)
            continue
        problems.extend(cross_problems(config))
        return (None if problems else config), problems
    return None, problems


def _replace_invalid(values: dict[str, Value], path: Path_) -> None:
    """Remove the invalid value, or replace it when its key is required."""
    names = tuple(str(part) for part in path)
    parent: Value = values
    for name in names[:-1]:
        parent = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(parent, dict):
        values.pop(names[0], None)  # a value inside a list: remove the whole list
        if names[:1] in _STAND_INS:
            values[names[0]] = copy.deepcopy(_STAND_INS[names[:1]])
    elif names in _STAND_INS:
        parent[names[-1]] = copy.deepcopy(_STAND_INS[names])
    else:
        parent.pop(names[-1], None)


_MUST_BE = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "tuple_type": "a list",
}


def _words(detail: ErrorDetails) -> str:
    """Return the problem and the allowed values, in words."""
    kind, path, given, about = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(path)
    if kind == "missing":
        return "is missing"
    if kind in _MUST_BE:
        return _wrong_type(_MUST_BE[kind], given)
    if kind == "value_error":
        return str(about["error"])
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"is {_short(given)}; {_range(path)}"
    if kind == "string_pattern_mismatch":
        return f"is {_short(given)}; it must be {SHAPES[about['pattern']]}"
    if kind == "string_too_short":
        return "is empty"
    if kind in ("string_too_long", "too_long"):
        what = "characters" if kind == "string_too_long" else "entries"
        return f"has {len(given)} {what}; at most {about['max_length']} are allowed"
    if kind == "literal_error":
        return f"is {_short(given)}; allowed are {about['expected']}"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]}, not {_short(given)}"


def _unknown_key(path: Path_) -> str:
    known = list(fields_of(path[:-1]))
    meant = get_close_matches(str(path[-1]).replace("_", "-"), known, n=1) or get_close_matches(
        str(path[-1]), known, n=1
    )
    rest = f"did you mean {meant[0]}?" if meant else f"known are {', '.join(known)}"
    return f"is not a known key; {rest}"


def _wrong_type(wanted: str, given: object) -> str:
    if given is None:
        return f"is empty; it must be {wanted}, or be removed"
    if wanted == "text" and not isinstance(given, list | dict):
        return f"must be text, but YAML reads it as {_short(given)}: put it in quotes"
    return f"must be {wanted}, not {_short(given)}"


def _range(path: Path_) -> str:
    field = fields_of(path[:-1])[str(path[-1])]
    bounds: dict[str, object] = {}
    for limit in field.metadata:
        bounds |= {side: getattr(limit, side) for side in ("ge", "le") if hasattr(limit, side)}
    allowed = f"{bounds['ge']} to {bounds['le']}" if "le" in bounds else f"{bounds['ge']} and more"
    unit = f" {found}" if (found := field_unit(field)) else ""
    return f"allowed are {allowed}{unit} ({field.description})"


def _short(given: object) -> str:
    shown = str(given) if isinstance(given, date) else repr(given)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[: LONGEST_SHOWN - 3]}..."


def _dotted(path: Path_) -> str:
    """Return the path as dotted keys, with line breaks and escape codes escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in ".".join(map(str, path)))
