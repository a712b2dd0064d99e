"""Errors of both AWS SDKs in short."""

from __future__ import annotations

import pytest

from pipectl.failures.causes import by_cause
from pipectl.failures.sdk_errors import brief_reason, is_denial
from pipectl.output.explanation import reason_shown

USER = "arn:aws:sts::123456789012:assumed-role/dev-role/dev-lambda"
DENIED = f"User: {USER} is not authorized to perform: s3:PutObject on resource: "
NO_POLICY = f'{DENIED}"arn:aws:s3:::bucket/a.json" because no identity-based policy allows the s3:PutObject action'
IN_PYTHON = "An error occurred ({}) when calling the PutObject operation: {}"
SHORT = "AccessDenied: s3:PutObject is denied to dev-role"


@pytest.mark.parametrize(
    ("reason", "brief"),
    [
        (f"ClientError: {IN_PYTHON.format('AccessDenied', NO_POLICY)}", SHORT),
        (f"AccessDenied: {IN_PYTHON.format('AccessDenied', NO_POLICY)}", SHORT),
        (f"AccessDenied: {NO_POLICY}", SHORT),
        (
            f"AccessDenied: {DENIED}arn:aws:s3:::b/a with an explicit deny in a resource-based policy",
            f"{SHORT} by an explicit deny in a resource-based policy",
        ),
        (f"AccessDenied: {DENIED}arn:aws:s3:::b/a with an explicit deny", f"{SHORT} by an explicit deny"),
        (
            "AccessDeniedException: User: arn:aws:iam::1:user/team/ada is not authorized to perform: kms:Decrypt on",
            "AccessDeniedException: kms:Decrypt is denied to ada",
        ),
        (f"ClientError: {IN_PYTHON.format('AccessDenied', 'Access Denied')}", "AccessDenied in PutObject"),
        (f"ClientError: {IN_PYTHON.format('SlowDown', 'Please wait.')}", "SlowDown in PutObject: Please wait."),
        (
            "An error occurred (SlowDown) when calling the PutObject operation (reached max retries: 4): Please wait.",
            "SlowDown in PutObject: Please wait.",
        ),
    ],
)
def test_an_error_of_an_sdk_is_shown_in_short(reason: str, brief: str) -> None:
    assert brief_reason(reason) == brief
    assert reason_shown(reason) == brief
    ((cause, _),) = by_cause([reason], str)
    assert cause == brief


@pytest.mark.parametrize(
    "error", [f"ClientError: {IN_PYTHON.format('AccessDenied', NO_POLICY)}", f"AccessDenied: {NO_POLICY}"]
)
@pytest.mark.parametrize("before", ["record not quarantined: ", "BatchError: record with keys {} failed: "])
def test_words_before_an_error_of_an_sdk_stay(before: str, error: str) -> None:
    assert brief_reason(before + error) == before + SHORT


@pytest.mark.parametrize(
    "reason",
    ["KeyError: 'shipping'", "InvalidOrderError: amount must be a number", "SlowDown: Please wait.", "", "no type"],
)
def test_any_other_reason_stays_as_it_is(reason: str) -> None:
    assert brief_reason(reason) == reason
    assert not is_denial(reason)


@pytest.mark.parametrize(
    "reason",
    [
        f"ClientError: {IN_PYTHON.format('AccessDenied', 'Access Denied')}",
        f"AccessDenied: {NO_POLICY}",
        "AccessDeniedException: no",
    ],
)
def test_a_denial_is_known_by_its_code(reason: str) -> None:
    assert is_denial(reason)


def test_a_reason_is_read_in_linear_time() -> None:
    """It is a text of others: the words of a sentence that never ends are no reason to wait."""
    for text in ("User: " * 50_000, "a" * 300_000, f"E: {'a.' * 100_000}", "An error occurred (" * 20_000):
        assert brief_reason(text) == text


def test_the_type_of_an_error_is_shown_but_for_an_order_that_is_not_valid() -> None:
    assert reason_shown("KeyError: 'shipping'", refusal=False) == "KeyError: 'shipping'"
    assert reason_shown("InvalidOrderError: no amount", refusal=False) == "no amount"
    assert reason_shown("InvalidOrderError: no amount") == "InvalidOrderError: no amount"
