"""Text that is safe to print: control characters are shown as escapes, credentials are masked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

_JOINERS = "\u200c\u200d"
"""Zero-width joiners, which scripts and emoji need."""
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
_SHORTEST_SECRET = 12
"""Characters; shorter values, such as those of a test, are not secrets, and masking them would garble the text."""
_PASSWORD = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")
_MASK = "***"


def printable(text: str) -> str:
    """Return a text with every character that a terminal could act on as an escape: ``\\x1b``, ``\\n``, ``\\u202e``."""
    return text if text.isprintable() else "".join(map(_shown, text))


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without the secrets, and without passwords in URLs."""
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return _PASSWORD.sub(_MASK, text)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the credentials in the environment, in each form in which an error message can hold them.

    A value with line breaks, or with letters that are quoted, appears in parts and in other spellings.
    """
    forms: set[str] = set()
    for name in _SECRETS:
        value = environment.get(name, "")
        for part in (value, *value.splitlines()):
            forms |= {part, part.strip(), repr(part)[1:-1], printable(part), quote(part, safe="")}
    return tuple(sorted((form for form in forms if len(form) >= _SHORTEST_SECRET), key=len, reverse=True))


def is_harmless(character: str) -> bool:
    """Return whether a terminal only shows a character: it moves nothing, reverses nothing and ends no line."""
    return character.isprintable() or character in _JOINERS or _is_space(character)


def _shown(character: str) -> str:
    return character if is_harmless(character) else repr(character)[1:-1]


def _is_space(character: str) -> bool:
    """Return whether a character is a space of some width, such as the ideographic one; line separators are not."""
    return character.isspace() and character not in "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
