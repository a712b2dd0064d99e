"""The state of an alarm, by its data points."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.local.alarms import alarm_state

ALARM = {
    "StateValue": "OK",
    "StateReason": "as before",
    "Statistic": "Sum",
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 5.0,
    "TreatMissingData": "notBreaching",
}


def point(total: float, count: float = 1, low: float = 0, high: float = 0) -> dict[str, float]:
    return {"SampleCount": count, "Sum": total, "Minimum": low, "Maximum": high}


def state(*points: dict[str, float], **changes: Any) -> str:
    return alarm_state(ALARM | changes, points)[0]


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [("breaching", "ALARM"), ("notBreaching", "OK"), ("missing", "INSUFFICIENT_DATA"), ("ignore", "OK")],
)
def test_missing_data_are_treated_as_configured(treatment: str, expected: str) -> None:
    assert state(TreatMissingData=treatment) == expected


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("GreaterThanOrEqualToThreshold", "OK", "ALARM", "ALARM"),
        ("GreaterThanThreshold", "OK", "OK", "ALARM"),
        ("LessThanThreshold", "ALARM", "OK", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
    ],
)
def test_value_is_compared(operator: str, below: str, equal: str, above: str) -> None:
    assert [state(point(n), ComparisonOperator=operator) for n in (4, 5, 6)] == [below, equal, above]


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [("Sum", "ALARM"), ("SampleCount", "OK"), ("Average", "OK"), ("Maximum", "ALARM"), ("Minimum", "OK")],
)
def test_points_of_all_periods_are_taken_together(statistic: str, expected: str) -> None:
    points = [point(3, 2, 1, 2), point(9, 2, 1, 8)]
    assert state(*points, Statistic=statistic) == expected


@pytest.mark.parametrize("changes", [{"Statistic": None}, {"ComparisonOperator": "LessThanLowerThreshold"}])
def test_alarm_of_another_kind_is_left_as_it_is(changes: dict[str, object]) -> None:
    assert alarm_state(ALARM | changes, [point(9)]) == ("OK", "as before")


def test_reason_names_value_and_threshold() -> None:
    assert alarm_state(ALARM, [point(9)])[1] == "Threshold Crossed: Sum 9 was GreaterThanOrEqualToThreshold 5.0"
