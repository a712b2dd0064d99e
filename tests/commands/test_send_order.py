"""Orders as users write them: what is read from the JSON, and each reason why it is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.commands.send_order import DEEPEST, LARGEST_TEXT, Order, is_same, parse_order
from pipectl.failures.errors import OrderError, OrderProblem
from pipectl.output.records import plain

DIGITS = "12345678901234567890.123456789012345678"


def _parse(text: str | bytes) -> Order:
    return parse_order(text, "orderId", lambda: "order-new")


def test_a_plain_order_becomes_an_item() -> None:
    order = _parse('{"orderId": "o-1", "paid": true, "note": null, "items": [{"sku": "tea", "count": 2}], "tags": []}')
    assert (order.key, order.generated) == ("o-1", False)
    assert order.item == {
        "orderId": {"S": "o-1"},
        "paid": {"BOOL": True},
        "note": {"NULL": True},
        "items": {"L": [{"M": {"sku": {"S": "tea"}, "count": {"N": "2"}}}]},
        "tags": {"L": []},
    }


@pytest.mark.parametrize("number", ["12.50", DIGITS, "-0.1", "1e5", "9.9E+125", "1E-130", "1" + "0" * 100])
def test_a_number_keeps_its_digits(number: str) -> None:
    assert _parse(f'{{"orderId": "o", "n": {number}}}').item["n"] == {"N": number}


def test_a_typed_order_is_recognised_by_its_key() -> None:
    order = _parse('{"orderId": {"S": "o"}, "n": {"N": "1.0"}, "b": {"B": "AQI="}, "s": {"SS": ["b", "a"]}}')
    assert order.key == "o"
    assert order.item == {"orderId": {"S": "o"}, "n": {"N": "1.0"}, "b": {"B": b"\x01\x02"}, "s": {"SS": ["b", "a"]}}


def test_a_plain_attribute_may_look_typed() -> None:
    assert _parse('{"orderId": "o", "size": {"S": "small"}}').item["size"] == {"M": {"S": {"S": "small"}}}


def test_an_order_without_a_key_gets_a_new_one() -> None:
    order = _parse('{"amount": 1}')
    assert (order.key, order.generated, order.item["orderId"]) == ("order-new", True, {"S": "order-new"})


def test_a_byte_order_mark_is_no_part_of_the_json() -> None:
    assert _parse('{"orderId": "ö"}'.encode("utf-8-sig")).key == "ö"


_LISTS = "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)
_TYPED = '{"L": [' * (DEEPEST + 1) + "]}" * (DEEPEST + 1)
REFUSED: dict[str, tuple[str | bytes, OrderProblem, str]] = {
    "nothing": ("", OrderProblem.JSON, ""),
    "white space": (b" \n", OrderProblem.JSON, ""),
    "UTF-16": ('{"orderId": "o"}'.encode("utf-16"), OrderProblem.ENCODING, ""),
    "no JSON": ('{"orderId": "o",}', OrderProblem.JSON, ""),
    "NaN": ('{"orderId": "o", "n": NaN}', OrderProblem.JSON, ""),
    "not UTF-8": (b'{"orderId": "\xff"}', OrderProblem.ENCODING, ""),
    "a list": ("[]", OrderProblem.NOT_AN_OBJECT, ""),
    "a number": ("1", OrderProblem.NOT_AN_OBJECT, ""),
    "an event": ('{"Records": [{"dynamodb": {}}]}', OrderProblem.STREAM_EVENT, ""),
    "a name twice": ('{"orderId": "o", "m": {"n": 1, "n": 2}}', OrderProblem.DUPLICATE, "n"),
    "an empty key": ('{"orderId": ""}', OrderProblem.KEY, "orderId"),
    "a key that is a number": ('{"orderId": 1}', OrderProblem.KEY, "orderId"),
    "a typed key that is a number": ('{"orderId": {"N": "1"}}', OrderProblem.KEY, "orderId"),
    "a long key": (f'{{"orderId": "{"é" * 1025}"}}', OrderProblem.KEY, "orderId"),
    "a misspelled key": ('{"order_id": "o"}', OrderProblem.KEY, "order_id"),
    "a typed order without a key": ('{"amount": {"N": "1"}}', OrderProblem.KEY, "orderId"),
    "39 digits": (f'{{"orderId": "o", "l": [{DIGITS}9]}}', OrderProblem.NUMBER, "l[0]"),
    "a number out of range": ('{"orderId": "o", "m": {"n": 1e126}}', OrderProblem.NUMBER, "m.n"),
    "a number beyond all exponents": ('{"orderId": "o", "n": 1e9999999999999999999}', OrderProblem.NUMBER, "n"),
    "a typed number that is none": ('{"orderId": {"S": "o"}, "n": {"N": "one"}}', OrderProblem.NUMBER, "n"),
    "an unknown type": ('{"orderId": {"S": "o"}, "n": {"X": "1"}}', OrderProblem.TYPED_VALUE, "n"),
    "two types": ('{"orderId": {"S": "o"}, "n": {"S": "1", "N": "1"}}', OrderProblem.TYPED_VALUE, "n"),
    "a plain value in a typed order": ('{"orderId": {"S": "o"}, "l": {"L": [1]}}', OrderProblem.TYPED_VALUE, "l[0]"),
    "an empty set": ('{"orderId": {"S": "o"}, "s": {"SS": []}}', OrderProblem.TYPED_VALUE, "s"),
    "a set with equal numbers": ('{"orderId": {"S": "o"}, "s": {"NS": ["1", "1.0"]}}', OrderProblem.TYPED_VALUE, "s"),
    "no base64": ('{"orderId": {"S": "o"}, "b": {"B": "?"}}', OrderProblem.TYPED_VALUE, "b"),
    "half a character": ('{"orderId": "o", "t": "\\ud83d"}', OrderProblem.TEXT, "t"),
    "an attribute without a name": ('{"orderId": "o", "m": {"": 1}}', OrderProblem.NAME, "m"),
    "33 levels": (f'{{"orderId": "o", "l": {_LISTS}}}', OrderProblem.TOO_DEEP, "l" + "[0]" * DEEPEST),
    "33 typed levels": (f'{{"orderId": {{"S": "o"}}, "l": {_TYPED}}}', OrderProblem.TOO_DEEP, "l" + "[0]" * DEEPEST),
    "levels without end": ("[" * 100_000, OrderProblem.TOO_DEEP, ""),
    "more than 400 KB": (f'{{"orderId": "o", "t": "{"é" * 205_000}"}}', OrderProblem.TOO_LARGE, ""),
    "too much JSON": (" " * (LARGEST_TEXT + 1), OrderProblem.TOO_LARGE, ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_order_that_the_table_cannot_have_is_refused(name: str) -> None:
    text, problem, place = REFUSED[name]
    with pytest.raises(OrderError) as raised:
        _parse(text)
    assert (raised.value.problem, raised.value.place, raised.value.exit_code) == (problem, place, 2)


def test_an_error_of_json_has_line_and_column() -> None:
    with pytest.raises(OrderError, match="line 3, column 1"):
        _parse('{"orderId": "o",\n"n":\n}')


def test_the_largest_item_is_accepted() -> None:
    text = "x" * (400 * 1024 - len("orderId") - len("o") - len("t"))
    assert _parse(f'{{"orderId": "o", "t": "{text}"}}').key == "o"
    with pytest.raises(OrderError):
        _parse(f'{{"orderId": "o", "t": "{text}x"}}')


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"N": "12.50"}, {"N": "12.5"}, True),
        ({"NS": ["1", "2"]}, {"NS": ["2.0", "1"]}, True),
        ({"B": b"\x01"}, {"B": "AQ=="}, True),
        ({"M": {"a": {"L": [{"N": "1e1"}]}}}, {"M": {"a": {"L": [{"N": "10"}]}}}, True),
        ({"N": "1"}, {"S": "1"}, False),
        ({"L": [{"N": "1"}]}, {"L": []}, False),
        ({"BOOL": True}, {"N": "1"}, False),
    ],
)
def test_items_are_compared_by_value(one: Any, other: Any, same: bool) -> None:
    assert is_same({"a": one}, {"a": other}) is same


NAMES = st.text(max_size=3) | st.sampled_from(["orderId", "order_id", "Records", "S", "N", "NULL", "SS", "\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES | st.dictionaries(NAMES, VALUES, max_size=3))
def test_any_json_is_an_order_with_the_same_values_or_refused(values: Any) -> None:
    text = json.dumps(values)
    try:
        order = _parse(text)
    except OrderError:
        return
    if isinstance(values.get("orderId"), str) or order.generated:
        expected = json.loads(text, parse_int=Decimal, parse_float=Decimal) | {"orderId": order.key}
        assert {name: plain(value) for name, value in order.item.items()} == expected


@given(st.text(max_size=30) | st.binary(max_size=30))
def test_any_text_is_an_order_or_refused(text: str | bytes) -> None:
    with suppress(OrderError):
        assert _parse(text).key
