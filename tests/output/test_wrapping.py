"""Long lines on a terminal."""

from __future__ import annotations

import pytest
from rich.text import Text

from pipectl.output.wrapping import hanging, wrapped


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("! one two three four fives", ["! one two three four", "  fives"]),
        ("= one two three four fives", ["= one two three four", "  fives"]),
        ("   one two three four fives", ["   one two three four", "   fives"]),
        ("one two three four fives!", ["one two three four", "fives!"]),
        ("one arn:aws:sts::123456789012:role/x two", ["one", "arn:aws:sts::123456789012:role/x", "two"]),
        ("correct it, then `pipectl up`!", ["correct it, then", "`pipectl up`!"]),
        ("12345678901234567890", ["12345678901234567890"]),
        ("", [""]),
        (" " * 30, [" " * 30]),
    ],
)
def test_a_long_line_wraps_between_words_below_its_text(text: str, lines: list[str]) -> None:
    assert [line.plain for line in wrapped(Text(text), 24)] == lines
    assert [line.plain for line in wrapped(Text(text), None)] == [text]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "  + arn:aws:iam::111122223333:role/dev-role",
            ["  + arn:aws:iam::", "    111122223333:role/", "    dev-role"],
        ),
        ("  abcdefghijklmnopqrstuvwxyz", ["  abcdefghijklmnopqrst", "  uvwxyz"]),
        ("  see `pipectl down --orphans`", ["  see", "  `pipectl down --orphans`"]),
    ],
)
def test_a_word_that_is_longer_than_the_line_is_broken_where_it_is_to_be_read(text: str, lines: list[str]) -> None:
    assert [line.plain for line in wrapped(Text(text), 24 if "+" in text else 22, broken=True)] == lines


def test_a_body_wraps_beside_its_prefix_and_keeps_its_colours() -> None:
    body = Text.assemble("one two ", ("three fours ever", "red"))
    first, second = hanging(Text("Next: "), body, 26)
    assert (first.plain, second.plain) == ("Next: one two three fours", "      ever")
    assert [str(span.style) for span in second.spans] == ["red"]
