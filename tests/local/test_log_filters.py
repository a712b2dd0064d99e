"""Filter patterns of CloudWatch Logs on the local emulator."""

from __future__ import annotations

import pytest

from pipectl.commands.logs import ERRORS
from pipectl.local.log_filters import matches
from tests.aws.test_log_entries import ERRORS as ERROR_LINES


@pytest.mark.parametrize(
    ("pattern", "message", "matched"),
    [
        ("", "any", True),
        ("ERROR", "[ERROR] x", True),
        ("ERROR", "error", False),
        ("ERROR x", "[ERROR] y", False),
        ('"a b"', "xa by", True),
        ('"a b"', "b a", False),
        (r'"say \"a\" \\"', 'say "a" \\', True),
        ("?ERROR ?WARN", "WARN", True),
        ("?ERROR ?WARN", "INFO", False),
        ("a ?ERROR", "a", True),
        ("a -b", "a b", False),
        ('a -"b c"', "a b", True),
        ("-b", "a", True),
    ],
)
def test_a_pattern_of_terms(pattern: str, message: str, matched: bool) -> None:
    assert matches(pattern, message) is matched


@pytest.mark.parametrize("name", ERROR_LINES)
def test_the_pattern_of_errors_finds_every_form_of_an_error(name: str) -> None:
    assert matches(ERRORS, ERROR_LINES[name][0])
