"""Values of an order: typed in a stream record, plain for `enrich`, JSON in an object. No digit of a number is lost.

| typed | plain | JSON |
| --- | --- | --- |
| `{"S": "a"}`, `{"BOOL": true}`, `{"NULL": true}` | `"a"`, `True`, `None` | `"a"`, `true`, `null` |
| `{"N": "1.10"}` | `Decimal("1.10")` | `1.10` |
| `{"B": "aGk="}` | `b"hi"` | `"aGk="` |
| `{"M": {"a": {"S": "b"}}}`, `{"L": [{"S": "b"}]}` | `{"a": "b"}`, `["b"]` | `{"a": "b"}`, `["b"]` |
| `{"SS": ["a"]}`, `{"NS": ["1"]}`, `{"BS": ["aGk="]}` | `{"a"}`, `{Decimal("1")}`, `{b"hi"}` | a list |

The module in Node.js writes the same bytes.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import reprlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LONGEST_SHOWN = 60
TOO_DEEP = "nested too deep to be written"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?")


class InvalidRecordError(Exception):
    """A stream record that does not have the form of DynamoDB Streams."""


class InvalidResultError(Exception):
    """A result of `enrich` that cannot be stored."""


def to_json(value: Any) -> str:
    """Return a typed value as JSON text, with the attributes sorted by name.

    Numbers are copied as text: a float keeps 17 digits, DynamoDB's numbers have up to 38.
    """
    try:
        ((kind, content),) = value.items()
        return _TO_JSON[kind](content)
    except (AttributeError, KeyError, TypeError, ValueError):  # not a map of one member, or not of its kind
        raise InvalidRecordError(f"not a DynamoDB value: {brief(value)}") from None


def _number(content: str) -> str:
    if not _NUMBER.fullmatch(content):
        raise ValueError(content)
    return content


def _boolean(content: object) -> str:
    if not isinstance(content, bool):
        raise TypeError(content)
    return "true" if content else "false"


def _map(content: dict[str, object]) -> str:
    texts = [f"{encode_basestring(name)}: {to_json(member)}" for name, member in sorted(content.items())]
    return f"{{{', '.join(texts)}}}"


def _list(content: object, kind: str | None = None) -> str:
    if not isinstance(content, list):
        raise TypeError(content)
    return f"[{', '.join([to_json({kind: member} if kind else member) for member in content])}]"


_TO_JSON: dict[str, Callable[[Any], str]] = {
    "S": encode_basestring,  # refuses what is not text
    "B": encode_basestring,
    "N": _number,
    "BOOL": _boolean,
    "NULL": lambda _: "null",
    "M": _map,
    "L": _list,
    "SS": lambda content: _list(content, "S"),
    "NS": lambda content: _list(content, "N"),
    "BS": lambda content: _list(content, "B"),
}


def to_plain(value: Any) -> Any:
    """Return a typed value, which `to_json` accepts, as a value of Python."""
    ((kind, content),) = value.items()
    convert = _TO_PLAIN.get(kind)
    return convert(content) if convert else content


def _binary(content: str) -> bytes:
    with contextlib.suppress(ValueError):
        decoded = b64decode(content)
        if b64encode(decoded).decode() == content:
            return decoded
    raise InvalidRecordError(f"not a DynamoDB value: {brief({'B': content})}")


_TO_PLAIN: dict[str, Callable[[Any], object]] = {
    "N": Decimal,
    "B": _binary,
    "NULL": lambda _: None,
    "M": lambda content: {name: to_plain(member) for name, member in content.items()},
    "L": lambda content: [to_plain(member) for member in content],
    "SS": set,
    "NS": lambda content: set(map(Decimal, content)),
    "BS": lambda content: set(map(_binary, content)),
}


def write(value: object) -> str:
    """Return a plain value as JSON text. Names of a map are sorted, and so are the texts of a set's members.

    Raises InvalidResultError for a value that JSON cannot express.
    """
    match value:
        case str():
            return encode_basestring(value)
        case Mapping():
            return json_object(members(value))
        case list() | tuple():
            return f"[{', '.join([write(member) for member in value])}]"
        case set() | frozenset():
            return f"[{', '.join(sorted([write(member) for member in value]))}]"
        case bytes() | bytearray():
            return f'"{b64encode(value).decode()}"'
    return _scalar(value)


def members(value: Mapping[object, object]) -> list[tuple[str, str]]:
    """Return the names of a plain map, sorted, each with the JSON text of its value."""
    names = []
    for name in value:
        if not isinstance(name, str):
            raise InvalidResultError(f"a name must be text, got {type(name).__name__}")
        names.append(name)
    return [(name, write(value[name])) for name in sorted(names)]


def _scalar(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return _boolean(value)
        case int():
            return int.__repr__(value)  # an enumeration has another `repr`
        case Decimal() if value.is_finite():
            return str(value)
        case float() if math.isfinite(value):
            return _float(value)
        case float() | Decimal():
            raise InvalidResultError("a number must be finite")
    raise InvalidResultError(f"a value of type {type(value).__name__} cannot be stored")


def _float(value: float) -> str:
    """Return the shortest text of a float, spelled as for numbers of Node.js."""
    exact = Decimal(repr(value or 0.0))
    return f"{exact:f}".removesuffix(".0") if 1 <= abs(exact) < 10**21 or not exact else str(exact)


def json_object(members: Iterable[tuple[str, str]]) -> str:
    """Return the text of a JSON object. The values of `members` are JSON text."""
    return f"{{{', '.join([f'{encode_basestring(name)}: {text}' for name, text in members])}}}"


def raw_json(value: object) -> str:
    """Return a value of a stream record, which came as JSON, as JSON text."""
    return (
        encode_basestring(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    )


def shallow(work: Callable[[T], R], value: T, error: type[Exception] = InvalidRecordError) -> R:
    """Return `work(value)`; raise `error` when the value is nested too deep."""
    try:
        return work(value)
    except RecursionError:
        raise error(TOO_DEEP) from None


def one_line(value: object) -> str:
    """Return the value as JSON in ASCII on one line. A value that JSON cannot express is described by a JSON string."""
    try:
        return json.dumps(value, allow_nan=False)
    except RecursionError:
        return json.dumps(TOO_DEEP)
    except ValueError:  # NaN or Infinity, which are not JSON
        return json.dumps(reprlib.repr(value))


def brief(value: object) -> str:
    """Return the value as JSON, with its middle cut out when it is longer than 60 characters."""
    return _cut(one_line(value))


def shown(value: object) -> str:
    """Return a plain value as JSON, cut in the same way, for the message of an error."""
    return _cut(write(value))


def _cut(text: str) -> str:
    return f"{text[:28]}...{text[-28:]}" if len(text) > LONGEST_SHOWN else text
