"""The results of a mapping that keep it from reading the stream."""

from __future__ import annotations

import pytest

from pipectl.monitoring.stream_progress import keeps_from_working


@pytest.mark.parametrize("result", ["OK", "No records processed", "PROBLEM: Function call failed", ""])
def test_a_mapping_whose_function_fails_still_reads(result: str) -> None:
    assert not keeps_from_working(result)


def test_a_mapping_without_access_does_not_read() -> None:
    assert keeps_from_working("PROBLEM: Cannot access stream. Please ensure the role can perform GetRecords.")
