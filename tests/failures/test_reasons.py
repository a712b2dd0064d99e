"""Reasons in the errors of the processor."""

from __future__ import annotations

import pytest

from pipectl.failures.reasons import reason_in


@pytest.mark.parametrize("kind", ["BatchError", "Runtime.HandlerError"])
def test_the_reason_of_a_record_is_taken_from_the_error_of_its_batch(kind: str) -> None:
    error = (
        f'{kind}: record with keys {{"orderId": {{"S": "a"}}}} and sequence number 0017 failed: InvalidOrderError: no'
    )
    assert reason_in(error) == "InvalidOrderError: no"


@pytest.mark.parametrize("error", ["KeyError: 'total'", "BatchError: Records must be a list, got 1", ""])
def test_an_error_of_another_form_stays_as_it_is(error: str) -> None:
    assert reason_in(error) == error
