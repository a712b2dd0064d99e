"""Text that is safe to print: control characters are shown as escapes, credentials are masked."""

from __future__ import annotations

import re
from collections.abc import Mapping

_JOINERS = "\u200c\u200d"
"""Zero-width joiners, which scripts and emoji need."""
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
_SHORTEST_SECRET = 12
"""Characters; shorter values, such as those of a test, are not secrets, and masking them would garble the text."""
_PASSWORD = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_NAMED = re.compile(
    r"""(?i)((?:Secret_?Access_?Key|Session_?Token|[?&](?:token|secret|password|api_?key))[\\"']*\s*[:=]\s*[\\"']*)[^\s\\"',&}]+"""
)
"""A secret behind its name: in the output of a credential_process, or in the query of a URL."""
_MASK = "***"


def printable(text: str) -> str:
    """Return a text with every character that a terminal could act on as an escape: ``\\x1b``, ``\\n``, ``\\u202e``."""
    return text if text.isprintable() else "".join(map(_shown, text))


def masked(text: str, secrets: re.Pattern[str] | None = None) -> str:
    """Return a text without the secrets, the users and passwords in URLs, and secrets behind their names."""
    if secrets:
        text = secrets.sub(_MASK, text)
    return _NAMED.sub(rf"\1{_MASK}", _PASSWORD.sub(_MASK, text))


def secrets_of(environment: Mapping[str, str]) -> re.Pattern[str] | None:
    """Return a pattern of the credentials in the environment, in every spelling that a message can have.

    A value with line breaks appears in parts; a value with quotes, control characters or other letters appears escaped,
    once or several times.
    """
    values = [environment.get(name, "") for name in _SECRETS]
    parts = {part.strip() for value in values for part in (value, *value.splitlines())}
    long = sorted((part for part in parts if len(part) >= _SHORTEST_SECRET), key=len, reverse=True)
    return re.compile("|".join("".join(map(_spellings, part)) for part in long)) if long else None


def _spellings(character: str) -> str:
    """Return a pattern of a character: as it is, with backslashes as in Python and JSON, or quoted as in a URL."""
    if character.isalnum() and character.isascii():
        return character
    utf8 = character.encode(errors="backslashreplace")
    utf16 = character.encode("utf-16-be", errors="surrogatepass").hex()
    escapes = {f"x{ord(character):02x}", repr(character)[1:-1].lstrip("\\")}
    quoted = re.escape("".join(f"%{byte:02X}" for byte in utf8))
    in_bytes = "".join(rf"\\+x{byte:02x}" for byte in utf8)
    alternatives = [rf"\\*{re.escape(character)}", *(rf"\\+{re.escape(escape)}" for escape in escapes)]
    in_json = "".join(rf"\\+u{utf16[at : at + 4]}" for at in range(0, len(utf16), 4))
    return f"(?:{'|'.join([*alternatives, quoted, in_bytes, in_json])})"


def is_harmless(character: str) -> bool:
    """Return whether a terminal only shows a character: it moves nothing, reverses nothing and ends no line."""
    return character.isprintable() or character in _JOINERS or _is_space(character)


def _shown(character: str) -> str:
    return character if is_harmless(character) else repr(character)[1:-1]


def _is_space(character: str) -> bool:
    """Return whether a character is a space of some width, such as the ideographic one; line separators are not."""
    return character.isspace() and character not in "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
