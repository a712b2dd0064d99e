"""Partial batch responses are read as Lambda reads them."""

from __future__ import annotations

import pytest

from pipectl.aws.batch_responses import failed_positions, read_failed_positions

IDENTIFIERS = ["7", "8", "9"]


def test_the_positions_are_in_order_and_each_is_named_once() -> None:
    failures = [{"itemIdentifier": identifier} for identifier in ("9", "7", "9")]
    assert failed_positions({"batchItemFailures": failures}, IDENTIFIERS) == [0, 2]


@pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_an_empty_response_is_a_success(response: object) -> None:
    assert failed_positions(response, IDENTIFIERS) == []


@pytest.mark.parametrize("response", ["done", "", 0, 1, False, [], ["done"], {"batchItemFailures": "7"}])
def test_a_response_of_another_shape_is_invalid(response: object) -> None:
    with pytest.raises(ValueError, match="invalid partial batch response"):
        failed_positions(response, IDENTIFIERS)


@pytest.mark.parametrize(
    "failure",
    [
        "7",
        7,
        None,
        {"itemIdentifier": ""},
        {"itemIdentifier": None},
        {"itemIdentifier": 7},
        {"identifier": "7"},
        {"itemIdentifier": "10"},
        {"itemIdentifier": ["7"]},
    ],
)
def test_an_identifier_that_is_not_in_the_batch_is_invalid(failure: object) -> None:
    with pytest.raises(ValueError):
        failed_positions({"batchItemFailures": [{"itemIdentifier": "7"}, failure]}, IDENTIFIERS)


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"[" * 100_000, b'"words"'])
def test_text_that_is_no_response_is_invalid_and_quoted(payload: bytes) -> None:
    with pytest.raises(ValueError, match="invalid partial batch response") as raised:
        read_failed_positions(payload, IDENTIFIERS)
    assert len(str(raised.value)) < 300


def test_no_text_is_a_success() -> None:
    assert read_failed_positions(b"", IDENTIFIERS) == []
