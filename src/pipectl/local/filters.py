"""The filter criteria of an event source mapping. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html. Modelled: values, ``null``, ``prefix``,
``suffix``, ``exists``, ``anything-but``, ``equals-ignore-case`` and ``numeric``. A pattern that cannot be read matches
nothing.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Record = TypeVar("Record", bound=Mapping[str, Any])

_ABSENT = object()
_NUMERIC: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matching(records: Sequence[Record], criteria: Mapping[str, Any] | None) -> list[Record]:
    """Return the records that match at least one filter; all of them when there is none."""
    filters = (criteria or {}).get("Filters") or []
    if not filters:
        return list(records)
    patterns = [_pattern(item.get("Pattern", "{}")) for item in filters]
    return [record for record in records if any(p is not None and _matches(p, record) for p in patterns)]


def _pattern(text: str) -> Mapping[str, Any] | None:
    try:
        pattern = json.loads(text)
    except ValueError:
        return None
    return pattern if isinstance(pattern, dict) else None


def _matches(pattern: Mapping[str, Any], data: object) -> bool:
    present = data if isinstance(data, Mapping) else {}
    for key, wanted in pattern.items():
        value = present.get(key, _ABSENT)
        if isinstance(wanted, Mapping):
            if not _matches(wanted, value):
                return False
        elif not isinstance(wanted, list) or not _any(wanted, value):
            return False
    return True


def _any(conditions: Sequence[object], value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_holds(condition, one) for condition in conditions for one in values)


def _holds(condition: object, value: object) -> bool:
    if not isinstance(condition, Mapping):
        return value is not _ABSENT and type(value) is type(condition) and value == condition
    [(kind, operand)] = condition.items()
    if kind == "exists":
        return (value is not _ABSENT) is operand
    if value is _ABSENT:
        return False
    if kind == "anything-but":
        return not _any(operand if isinstance(operand, list) else [operand], value)
    if kind == "numeric":
        return _in_range(operand, value)
    return isinstance(value, str) and _text_holds(kind, str(operand), value)


def _text_holds(kind: str, operand: str, value: str) -> bool:
    if kind == "prefix":
        return value.startswith(operand)
    if kind == "suffix":
        return value.endswith(operand)
    return kind == "equals-ignore-case" and value.casefold() == operand.casefold()


def _in_range(operand: Sequence[Any], value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return all(sign in _NUMERIC and _NUMERIC[sign](value, float(bound)) for sign, bound in pairs)
