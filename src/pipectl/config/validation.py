"""Validation of the values of a config. Each problem has the key and words that name the allowed values."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipectl.config.cross_checks import cross_problems
from pipectl.config.models import SHAPES, Config, field_unit, fields_of
from pipectl.config.yaml_document import EXTENDS, KeyPath, Value, short

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


@dataclass(frozen=True)
class Finding:
    """A problem of the value at ``path``.

    Attributes:
        missing: The key is required, and there is no value.
        related: Other keys that the problem depends on.
    """

    path: KeyPath
    message: str
    missing: bool = False
    related: tuple[KeyPath, ...] = ()


def validate(values: dict[str, Value]) -> tuple[Config | None, list[Finding]]:
    """Validate. After an error, replace the invalid values with valid ones and continue, to find all problems."""
    findings: list[Finding] = []
    values = copy.deepcopy(values)
    for _ in range(4):
        try:
            config = Config.model_validate(values)
        except ValidationError as error:
            for detail in error.errors():
                path = detail["loc"]
                findings.append(Finding(path, _words(detail), missing=detail["type"] == "missing"))
                _replace_invalid(values, path)
            continue
        findings.extend(Finding(each.path, each.message, related=each.related) for each in cross_problems(config))
        return (None if findings else config), findings
    return None, findings


def _replace_invalid(values: dict[str, Value], path: KeyPath) -> None:
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
        return f"is {short(given)}; {_range(path)}"
    if kind == "string_pattern_mismatch":
        return f"is {short(given)}; it must be {SHAPES[about['pattern']]}"
    if kind == "string_too_short":
        return "is empty"
    if kind in ("string_too_long", "too_long"):
        what = "characters" if kind == "string_too_long" else "entries"
        return f"has {len(given)} {what}; at most {about['max_length']} are allowed"
    if kind == "literal_error":
        return f"is {short(given)}; allowed are {about['expected']}"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]}, not {short(given)}"


def _unknown_key(path: KeyPath) -> str:
    known = [*([EXTENDS] if len(path) == 1 else []), *fields_of(path[:-1])]
    meant = get_close_matches(str(path[-1]).replace("_", "-"), known, n=1) or get_close_matches(
        str(path[-1]), known, n=1
    )
    rest = f"did you mean {meant[0]}?" if meant else f"known are {', '.join(known)}"
    return f"is not a known key; {rest}"


def _wrong_type(wanted: str, given: object) -> str:
    if given is None:
        return f"is empty; it must be {wanted}, or be removed"
    if wanted == "text" and not isinstance(given, list | dict):
        return f"must be text, but YAML reads it as {short(given)}: put it in quotes"
    return f"must be {wanted}, not {short(given)}"


def _range(path: KeyPath) -> str:
    field = fields_of(path[:-1])[str(path[-1])]
    bounds: dict[str, object] = {}
    for limit in field.metadata:
        bounds |= {side: getattr(limit, side) for side in ("ge", "le") if hasattr(limit, side)}
    allowed = f"{bounds['ge']} to {bounds['le']}" if "le" in bounds else f"{bounds['ge']} and more"
    unit = f" {found}" if (found := field_unit(field)) else ""
    return f"allowed are {allowed}{unit} ({field.description})"
