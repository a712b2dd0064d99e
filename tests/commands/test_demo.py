"""The fix that `demo` deploys accepts the orders that the processor refuses."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.commands.demo import FIXES


class InvalidOrderError(Exception):
    pass


def fixed_enrich(error: type[Exception]) -> Any:
    """Return the `enrich` of a handler that raises an error for every order, after the fix."""

    def enrich(order: object) -> object:
        raise error

    names: dict[str, Any] = {"enrich": enrich, "InvalidOrderError": InvalidOrderError}
    exec(FIXES["python"], names)  # noqa: S102 - the demo appends it to a handler
    return names["enrich"]


def test_an_invalid_order_is_accepted() -> None:
    assert fixed_enrich(InvalidOrderError)({}) == {"status": "PROCESSED_AS_IT_IS"}


def test_another_error_still_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        fixed_enrich(ZeroDivisionError)({})
