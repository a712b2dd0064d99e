"""Bars for counts."""

from __future__ import annotations

import pytest

from pipectl.output.bars import CHARACTERS, WIDTH, bars, share_bar


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_largest_count_has_the_longest_bar_and_no_count_but_zero_is_invisible(ascii_only: bool) -> None:
    drawn = bars([100_000, 50_000, 1, 0], ascii_only=ascii_only)
    assert [len(bar) for bar in drawn] == [WIDTH, WIDTH // 2, 1, 0]
    assert all(bar.isascii() is ascii_only for bar in drawn[:3])


def test_counts_of_zero_and_no_counts_have_no_bars() -> None:
    assert bars([0, 0]) == ["", ""]
    assert bars([]) == []


def test_bars_have_only_the_characters_that_are_checked_against_the_encoding() -> None:
    assert set().union(*bars(range(1000)), share_bar(5, 10)) == set(CHARACTERS)
