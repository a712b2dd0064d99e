"""Orders that users write as JSON: plain, or in DynamoDB's typed form. Pure.

Numbers keep all their digits. Everything that DynamoDB would refuse is refused here, with its place in the order.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn, cast

from pipectl.failures.errors import OrderError, OrderProblem
from pipectl.text import measured

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

LARGEST_ITEM = 400 * 1024
"""Bytes, with the names. Source of the limits here: "Quotas in Amazon DynamoDB" in the DynamoDB Developer Guide."""
LARGEST_TEXT = 10_000_000
"""Bytes of JSON; an item of the largest size is shorter in any usual spelling."""
LONGEST_KEY = 2048
MOST_DIGITS = 38
DEEPEST = 32
_EXPONENTS = range(-130, 126)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,6})?")
_TYPES = {
    "S": "a string",
    "N": "a number",
    "B": "binary",
    "BOOL": "true or false",
    "NULL": "null",
    "M": "an object",
    "L": "a list",
    "SS": "a set",
    "NS": "a set",
    "BS": "a set",
}
_EXAMPLE = '{"customer": "Ada", "amount": 12.5}'
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}


@dataclass(frozen=True)
class Order:
    """An order to write.

    Attributes:
        key: Its partition key.
        item: The order in DynamoDB's typed form.
        generated: The text had no key, so that a new one was chosen.
    """

    key: str
    item: Mapping[str, AttributeValueTypeDef]
    generated: bool = False


def parse_order(text: str | bytes, partition_key: str, new_key: Callable[[], str]) -> Order:
    """Return the order in a text of JSON.

    An order whose partition key is an object, such as ``{"S": "order-1"}``, is in DynamoDB's typed form: the key of a
    plain order is a string.

    Args:
        text: The JSON.
        partition_key: The name of the table's partition key.
        new_key: Returns a key for an order without one.

    Raises:
        OrderError: the text is not JSON, or not an order that the table can have.
    """
    values = _parsed(text)
    if not isinstance(values, dict):
        hint = f"an order is one object, such as {_EXAMPLE}"
        raise OrderError(f"the order is {_kind(values)}", OrderProblem.NOT_AN_OBJECT, hint=hint)
    _refuse_event(values)
    key, generated = values.get(partition_key), False
    if partition_key not in values:
        _refuse_misspelled(values, partition_key)
        values, generated = {partition_key: new_key(), **values}, True
        key = values[partition_key]
    typed = isinstance(key, dict)
    read = _read_typed if typed else _typed
    item = {name: read(value, name, 1) for name, value in values.items() if _named(name, name)}
    found = item[partition_key].get("S")
    if not isinstance(found, str) or not 0 < len(found.encode()) <= LONGEST_KEY:
        _refuse_key(partition_key, item[partition_key])
    if (size := _size({"M": item}) - 3 - len(item)) > LARGEST_ITEM:
        raise OrderError(
            f"the order has {measured(size // 1024, 'KB')}; an item of DynamoDB has at most 400 KB",
            OrderProblem.TOO_LARGE,
        )
    return Order(found, cast("Mapping[str, AttributeValueTypeDef]", item), generated)


def is_same(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Return whether two items in typed form are equal: numbers by value, sets in any order."""
    return _comparable({"M": one}) == _comparable({"M": other})


def _parsed(text: str | bytes) -> object:
    if len(text) > LARGEST_TEXT:
        raise OrderError("the order has more than 10 MB of JSON", OrderProblem.TOO_LARGE)
    if not text.strip():
        raise OrderError("the order is empty", OrderProblem.JSON, hint=f"an order is one object, such as {_EXAMPLE}")
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8-sig")
        return json.loads(
            decoded, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
    except UnicodeDecodeError as error:
        message = f"the order is not UTF-8: byte {error.start + 1}"
        raise OrderError(message, OrderProblem.ENCODING, hint="save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise OrderError(f"the order is not JSON: {where}: {error.msg}", OrderProblem.JSON) from None
    except RecursionError:
        raise _too_deep("") from None


class _Number(str):
    """The text of a number, so that no digit is lost."""

    __slots__ = ()


def _refuse_constant(name: str) -> NoReturn:
    raise OrderError(f"the order is not JSON: {name} is not a number of JSON", OrderProblem.JSON)


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """Return an object; `json` alone would keep the last of two members with one name."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise OrderError(f"the order has {name!r} twice in one object", OrderProblem.DUPLICATE, place=name)
        found[name] = value
    return found


def _refuse_event(values: Mapping[str, object]) -> None:
    records = values.get("Records")
    if isinstance(records, list) and any(isinstance(each, dict) and "dynamodb" in each for each in records):
        hint = f"send one order, such as {_EXAMPLE}; the tests of the project pass whole events to the handler"
        raise OrderError("this is an event of the stream, not an order", OrderProblem.STREAM_EVENT, hint=hint)


def _refuse_misspelled(values: Mapping[str, object], partition_key: str) -> None:
    """Refuse an order whose key seems to be misspelled, or that seems to be typed: a new key would hide it."""
    for name in values:
        if re.sub("[-_ ]", "", name).lower() == re.sub("[-_ ]", "", partition_key).lower():
            message = f"the order has no {partition_key!r}, the partition key of the table, but {name!r}"
            raise OrderError(message, OrderProblem.KEY, place=name, hint=f"rename {name!r} to {partition_key!r}")
    if values and all(isinstance(value, dict) and value and value.keys() <= _TYPES.keys() for value in values.values()):
        message = f"the order has DynamoDB's types, and no {partition_key!r}, the partition key of the table"
        raise OrderError(message, OrderProblem.KEY, place=partition_key, hint=f'add "{partition_key}": {{"S": "..."}}')


def _refuse_key(name: str, value: Mapping[str, object]) -> NoReturn:
    (kind, found), *_ = value.items()
    if kind != "S":
        problem = f"is {_TYPES[kind]}; it has to be a string"
    elif not found:
        problem = "is empty"
    else:
        problem = f"has {measured(len(str(found).encode()), 'bytes')}; DynamoDB allows {measured(LONGEST_KEY, 'bytes')}"
    raise OrderError(f"{name}, the partition key of the table, {problem}", OrderProblem.KEY, place=name)


def _typed(value: object, place: str, depth: int) -> dict[str, object]:
    """Return a plain value in DynamoDB's typed form."""
    if depth > DEEPEST and isinstance(value, dict | list):
        raise _too_deep(place)
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case _Number():
            return {"N": _number(value, place)}
        case str():
            return {"S": _text(value, place)}
        case list():
            return {"L": [_typed(each, f"{place}[{at}]", depth + 1) for at, each in enumerate(value)]}
    members = cast("dict[str, object]", value)
    return {
        "M": {name: _typed(each, f"{place}.{name}", depth + 1) for name, each in members.items() if _named(name, place)}
    }


def _read_typed(value: object, place: str, depth: int) -> dict[str, object]:
    """Return a value that is in DynamoDB's typed form already; binary values become bytes."""
    if not isinstance(value, dict) or len(value) != 1:
        raise _not_typed(value, place)
    ((kind, content),) = value.items()
    if depth > DEEPEST and isinstance(content, dict | list):
        raise _too_deep(place)
    match kind, content:
        case "N", str():
            return {"N": _number(content, place)}
        case (("S" | "B"), str()) if not isinstance(content, _Number):
            return {kind: _text(content, place) if kind == "S" else _binary(content, place)}
        case ("BOOL", bool()) | ("NULL", True):
            return {kind: content}
        case "M", dict():
            members = {name: each for name, each in content.items() if _named(name, place)}
            return {"M": {name: _read_typed(each, f"{place}.{name}", depth + 1) for name, each in members.items()}}
        case "L", list():
            return {"L": [_read_typed(each, f"{place}[{at}]", depth + 1) for at, each in enumerate(content)]}
        case (("SS" | "NS" | "BS"), list()):
            return {kind: _read_set(str(kind), content, place, depth)}
    raise _not_typed(value, place)


def _read_set(kind: str, members: Sequence[object], place: str, depth: int) -> list[object]:
    """Return the members of a set, which is not empty and has each member once."""
    read = [_read_typed({kind[0]: each}, f"{place}[{at}]", depth) for at, each in enumerate(members)]
    if not read or len({_comparable(each) for each in read}) < len(read):
        raise _not_typed({kind: list(members)}, place)
    return [each[kind[0]] for each in read]


def _not_typed(value: object, place: str) -> OrderError:
    shown = str(value) if isinstance(value, _Number) else json.dumps(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    hint = 'such a value is {"S": "text"}, {"N": "12.5"} or {"BOOL": true}; a set has members, each once'
    message = f"{place} is not a value in DynamoDB's typed form: {shown}"
    return OrderError(message, OrderProblem.TYPED_VALUE, place=place, hint=hint)


def _number(text: str, place: str) -> str:
    """Return the text of a number that DynamoDB can hold without losing a digit."""
    try:
        value = Decimal(text) if _NUMBER.fullmatch(text) else Decimal("NaN")
    except InvalidOperation:
        value = Decimal("NaN")
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    if not value.is_finite():
        raise OrderError(f"{place} is not a number of DynamoDB: {shown}", OrderProblem.NUMBER, place=place)
    digits = len("".join(map(str, value.as_tuple().digits)).strip("0"))
    if digits > MOST_DIGITS:
        message = f"{place} has {digits} digits, and a number of DynamoDB has at most {MOST_DIGITS}: {shown}"
        raise OrderError(message, OrderProblem.NUMBER, place=place, hint="send it as a string")
    if value and value.adjusted() not in _EXPONENTS:
        message = f"{place} is out of range: {shown}; numbers of DynamoDB are from 1E-130 to 9.9E+125"
        raise OrderError(message, OrderProblem.NUMBER, place=place, hint="send it as a string")
    return str(text)


def _binary(text: str, place: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise _not_typed({"B": text}, place) from None


def _text(text: str, place: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"{place} has half of a character (a surrogate such as \\ud83d alone), which is no text"
        raise OrderError(message, OrderProblem.TEXT, place=place) from None
    return text


def _named(name: str, place: str) -> bool:
    """Check the name of an attribute."""
    if not name:
        raise OrderError(f"an attribute{f' in {place}' if place else ''} has no name", OrderProblem.NAME, place=place)
    return bool(_text(name, place))


def _too_deep(place: str) -> OrderError:
    shown = place if len(place) <= 60 else f"{place[:57]}..."
    where = f"{shown} is" if shown else "the order is"
    return OrderError(f"{where} nested deeper than {DEEPEST} levels", OrderProblem.TOO_DEEP, place=place)


def _size(value: Mapping[str, object]) -> int:
    """Return the bytes of a value, as DynamoDB counts them."""
    ((kind, content),) = value.items()
    match kind, content:
        case "N", str():
            return (len(content) + 1) // 2 + 1
        case "B", bytes():
            return len(content)
        case "M", Mapping():
            return 3 + sum(1 + len(name.encode()) + _size(each) for name, each in content.items())
        case "L", list():
            return 3 + sum(1 + _size(each) for each in content)
        case (("SS" | "NS" | "BS"), list()):
            return sum(_size({kind[0]: each}) for each in content)
    return len(content.encode()) if isinstance(content, str) else 1


def _comparable(value: Mapping[str, object]) -> object:
    ((kind, content),) = value.items()
    match kind, content:
        case "N", str():
            return kind, Decimal(content)
        case "B", bytes():
            return kind, content
        case "B", str():
            return kind, b64decode(content)
        case "M", Mapping():
            return kind, {name: _comparable(each) for name, each in content.items()}
        case "L", list():
            return kind, [_comparable(each) for each in content]
        case (("SS" | "NS" | "BS"), list()):
            return kind, frozenset(_comparable({kind[0]: each}) for each in content)
    return kind, content


def _kind(value: object) -> str:
    return "a number" if isinstance(value, _Number) else _KINDS[type(value)]
