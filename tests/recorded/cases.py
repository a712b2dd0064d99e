"""Answers of AWS to the calls that pipectl and its handlers make: recorded ones, and those that are assumed.

The values are examples; the shapes, codes and texts are AWS's. `answers.yaml` has the successful answers, `errors.yaml`
the errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipectl.aws.errors import iam_actions

SUCCESS = "success"
_OPTIONAL = "(opt)"
_ANY = "any"
_FOLDER = Path(__file__).parent
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Error:
    """An error of AWS."""

    status: int
    code: str
    text: str


@dataclass(frozen=True)
class Case:
    """An answer to one call.

    Args:
        service: The service as boto3 names it.
        operation: The call.
        name: ``success``, or the meaning of the error.
        recorded: The date on which AWS answered so; ``None`` where it is assumed.
        error: The error; ``None`` for a success.
        of_service: All calls of the service have the same answer.
    """

    service: str
    operation: str
    name: str
    recorded: date | None
    error: Error | None = None
    of_service: bool = False

    @property
    def meaning(self) -> str:
        """Return the meaning without what distinguishes several cases of it."""
        return self.name.split(" of ")[0]


def all_cases() -> list[Case]:
    """Return every case, by service and operation."""
    return sorted([*_successes(), *_errors()], key=lambda each: (each.service, each.operation, each.name))


def template(service: str, operation: str) -> Any:
    """Return the successful answer; see `poured`."""
    return _file("answers.yaml")[service][operation]["answer"]


def poured(shape: Any, values: Any) -> Any:
    """Return ``values`` in the shape in which AWS answers.

    Keys that AWS answers are added, with the example's value, and keys that it does not answer are left out.
    """
    if shape == _ANY:
        return values
    if isinstance(shape, Mapping):
        values = values if isinstance(values, Mapping) else {}
        keys = {key.removesuffix(_OPTIONAL): key for key in shape}
        return {
            name: poured(shape[key], values[name]) if values.get(name) is not None else example(shape[key])
            for name, key in keys.items()
            if key == name or values.get(name)
        }
    if isinstance(shape, list) and shape and isinstance(shape[0], Mapping):
        return [poured(shape[0], each) for each in values]
    return values


def example(shape: Any) -> Any:
    """Return the example as it stands, with all optional keys but those of any shape."""
    if isinstance(shape, Mapping):
        return {key.removesuffix(_OPTIONAL): example(value) for key, value in shape.items() if value != _ANY}
    return [example(each) for each in shape] if isinstance(shape, list) else shape


def _successes() -> Iterator[Case]:
    for service, operations in _file("answers.yaml").items():
        for operation, entry in operations.items():
            yield Case(service, operation, SUCCESS, entry.get("recorded"))


def _errors() -> Iterator[Case]:
    answers = _file("answers.yaml")
    for service, entries in _file("errors.yaml").items():
        for operation in answers[service]:
            cases = entries.get(operation, {})
            actions = iam_actions(service, operation)
            if "denied" in entries and "denied" not in cases and actions:
                denied = _error(service, operation, "denied", entries["denied"], actions[0])
                yield replace(denied, of_service=True)
            for name, values in cases.items():
                yield _error(service, operation, name, values)


def _error(service: str, operation: str, name: str, values: list[Any], action: str = "") -> Case:
    status, code, text, *recorded = values
    error = Error(status, code, text.replace("{action}", action))
    return Case(service, operation, name, recorded[0] if recorded else None, error)


@cache
def _file(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = _Loader((_FOLDER / name).read_text(encoding="utf-8")).get_single_data()
    return loaded
