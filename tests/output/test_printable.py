"""Untrusted text on the screen: no control character from data is ever printed, and no credential."""

from __future__ import annotations

import io
import json
from functools import cache
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipectl.output.console import Screen
from pipectl.output.printable import masked, printable, secrets_of
from tests.output.samples import samples
from tests.output.screens import printed
from tests.support import THOROUGH

C0 = "\x00\x07\x08\t\n\x0b\x0c\r\x1b\x1f\x7f"
C1 = "\x80\x85\x9b\x9d"
BIDI = "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
ACTIVE = f"{C0}{C1}{BIDI}\u2028\u2029\ufeff\ud800\U000e0001"
HOSTILE = st.text(st.sampled_from(ACTIVE) | st.sampled_from("a[/]{red}é字 👍🏽\u200d`'\"\\"), max_size=12)
SPLIT_AT_LINE_BREAKS = ("error", "logs", "plan refused", "config show", "template", "up watch")
"""Screens that show a text of several lines; all but the first are indented."""


EXAMPLES = 500 if THOROUGH else 8
"""Each example is printed on every screen."""


@cache
def harmless_lines() -> dict[str, int]:
    """Return the number of lines of each screen with a harmless text."""
    return {name: len(printed(sample).splitlines()) for name, sample in samples("x").items()}


def is_safe(text: str) -> bool:
    return all(character.isprintable() or character in "\n\u200d" for character in text)


@given(HOSTILE)
@example("esc\x1b[2J\x1b]0;owned\x07")
@example("a\n0 failures: none. 41 records replayed, 0 still failing.")
@example("\u202egpj.exe\x9b31m[red]x[/red]")
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_screen_prints_a_control_character(text: str) -> None:
    for name, sample in samples(text).items():
        shown = printed(sample)
        assert is_safe(shown), name
        lines = shown.splitlines()
        if name.startswith(SPLIT_AT_LINE_BREAKS):
            lines = [each for each in lines if each[:1].strip()]
        assert len(lines) <= harmless_lines()[name], name


@given(HOSTILE)
@settings(max_examples=EXAMPLES, deadline=None)
def test_no_document_holds_a_control_character(text: str) -> None:
    for name, sample in samples(text).items():
        screen = Screen(json_output=True)
        screen.out.file = screen.err.file = io.StringIO()
        sample(screen)
        shown = screen.out.file.getvalue()
        assert is_safe(shown), name
        if "asked" not in name:
            json.loads(shown)


@given(HOSTILE.filter(lambda text: text.isprintable()))
@settings(deadline=None)
def test_markup_and_harmless_text_are_printed_as_they_are(text: str) -> None:
    assert text in printed(samples(text)["outputs"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b\u202e\u2028\ufeff\ud800", "\\x9b\\u202e\\u2028\\ufeff\\ud800"),
        ("é字\u3000👍🏽\u200d\\", "é字\u3000👍🏽\u200d\\"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


NAMES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
ODD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
RUN = st.text("ABCDEF0123456789", min_size=14, max_size=20)


@given(ODD, RUN, ODD, st.sampled_from(NAMES))
@example("", "EXAMPLETOKENwithNewline", "\n", "AWS_SESSION_TOKEN")
@example("wJalrXUtnFEMI/K7MDENG/bPxRfi", "CYEXAMPLEKEYCYEX", "", "AWS_SECRET_ACCESS_KEY")
@settings(deadline=None)
def test_no_spelling_of_a_credential_is_printed(before: str, run: str, after: str, name: str) -> None:
    secret = before + run + after
    secrets = secrets_of({name: secret})
    spellings = (repr(secret), repr(repr(secret)), repr(secret.encode()), json.dumps(secret), printable(secret))
    for spelled in (secret, quote(secret, safe=""), *spellings):
        shown = printable(masked(f"header {spelled} is invalid", secrets))
        assert run not in shown
        assert "***" in shown


def test_short_values_are_not_masked() -> None:
    assert secrets_of({"AWS_SECRET_ACCESS_KEY": "test"}) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:s3cret@aws.test:8443/x", "https://***@aws.test:8443/x"),
        ("http://:s3cret@aws.test", "http://***@aws.test"),
        ("http://s3cret@aws.test:1", "http://***@aws.test:1"),
        ("http://aws.test:1/?token=s3cret&x=1", "http://aws.test:1/?token=***&x=1"),
        ("http://127.0.0.1:4566/a@b:c", "http://127.0.0.1:4566/a@b:c"),
        ("https://aws.test and mail ada:x@aws.test", "https://aws.test and mail ada:x@aws.test"),
    ],
)
def test_a_password_in_a_url_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"AccessKeyId": "AKIA", "SecretAccessKey": "s3cret"}', '{"AccessKeyId": "AKIA", "SecretAccessKey": "***"}'),
        ("{SecretAccessKey: s3cret, SessionToken: t0ken}", "{SecretAccessKey: ***, SessionToken: ***}"),
        ("no secretaccesskey here", "no secretaccesskey here"),
    ],
)
def test_a_secret_behind_its_name_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
