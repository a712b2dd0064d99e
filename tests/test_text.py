"""Numbers with their units."""

from __future__ import annotations

import pytest

from pipectl.text import measured


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (256, "MB", "256 MB"),
        (10240, "MB", "10,240 MB"),
        (14, "days", "14 days"),
        (1, "days", "1 day"),
        (1.0, "days", "1 day"),
        (3600 / 86400, "days", "1 hour"),
        (1.5, "days", "36 hours"),
        (60 / 86400, "days", "1 minute"),
        (1_209_599 / 86400, "days", "1,209,599 seconds"),
        (1, "seconds", "1 second"),
        (-1, "seconds", "-1 seconds"),
        (262144, "bytes", "262,144 bytes"),
    ],
)
def test_number_with_its_unit(value: float, unit: str, text: str) -> None:
    assert measured(value, unit) == text
