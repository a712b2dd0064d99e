"""An evaluator of DynamoDB's conditions and updates, for the expressions that pipectl sends."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Item = dict[str, Any]
_TOKEN = re.compile(r"\s*([(),]|<=|>=|<|>|=|\+|[#:\w]+)")


_FUNCTIONS: dict[str, Callable[..., bool]] = {
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "attribute_type": lambda value, kind: value is not None and next(iter(value)) == kind,
    "begins_with": lambda value, start: value is not None and str(value.get("S", "")).startswith(start),
}


class InvalidTypeError(Exception):
    """An addition to a value that is not a number."""


def _same_type(one: Any, other: Any) -> bool:
    return one is not None and one.keys() == other.keys()


class Expression:
    """An expression over an item. An unknown name raises."""

    def __init__(self, text: str, item: Mapping[str, Any], values: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._tokens: list[str] = _TOKEN.findall(text)
        assert "".join(self._tokens) == re.sub(r"\s", "", text), f"not understood: {text}"
        self._at = 0
        self._item, self._values, self._names = item, values, names

    def condition(self) -> bool:
        held = self._or()
        assert self._at == len(self._tokens), f"not understood from {self._tokens[self._at :]}"
        return held

    def update(self) -> Item:
        """Return the item after ``SET a = b, ... REMOVE c, ...``. Every value is the one before the update."""
        after, clause = dict(self._item), ""
        while self._at < len(self._tokens):
            if self._peek() in ("SET", "REMOVE"):
                clause = self._next()
            name = self._name(self._next())
            if clause == "SET":
                assert self._next() == "="
                after[name] = self._sum()
            else:
                after.pop(name, None)
            if self._peek() == ",":
                self._next()
        return after

    def _or(self) -> bool:
        held = self._and()
        while self._peek() == "OR":
            self._next()
            held = self._and() or held
        return held

    def _and(self) -> bool:
        held = self._not()
        while self._peek() == "AND":
            self._next()
            held = self._not() and held
        return held

    def _not(self) -> bool:
        if self._peek() == "NOT":
            self._next()
            return not self._not()
        return self._comparison()

    def _comparison(self) -> bool:
        token = self._next()
        if token == "(":
            held = self._or()
            assert self._next() == ")"
            return held
        if token in _FUNCTIONS:
            name, *values = self._arguments()
            return _FUNCTIONS[token](self._item.get(self._name(name)), *(self._values[value]["S"] for value in values))
        left = self._operand(token)
        match self._next():
            case "=":
                right = self._operand(self._next())
                return left is not None and left == right
            case ("<" | "<=" | ">=") as sign:
                right = self._operand(self._next())
                compare = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}[sign]
                return _same_type(left, right) and compare(next(iter(left.values())), next(iter(right.values())))
            case "IN":
                return left in [self._operand(argument) for argument in self._arguments()]
            case "BETWEEN":
                low, _, high = self._operand(self._next()), self._next(), self._operand(self._next())
                return _same_type(left, low) and low["S"] <= left["S"] <= high["S"]
            case other:
                raise AssertionError(f"not understood: {other}")

    def _sum(self) -> Any:
        value = self._value()
        if self._peek() == "+":
            self._next()
            other = self._value()
            if "N" not in value or "N" not in other:
                raise InvalidTypeError
            return {"N": str(Decimal(value["N"]) + Decimal(other["N"]))}
        return value

    def _value(self) -> Any:
        token = self._next()
        if token == "if_not_exists":
            name, default = self._arguments()
            return self._item.get(self._name(name), self._operand(default))
        return self._operand(token)

    def _arguments(self) -> list[str]:
        assert self._next() == "("
        found = []
        while (token := self._next()) != ")":
            if token != ",":
                found.append(token)
        return found

    def _operand(self, token: str) -> Any:
        return self._values[token] if token.startswith(":") else self._item.get(self._name(token))

    def _name(self, token: str) -> str:
        return self._names[token] if token.startswith("#") else token

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]
