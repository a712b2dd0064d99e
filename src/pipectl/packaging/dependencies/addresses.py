"""Credentials in addresses: found in the files that name packages, and removed from what programs print."""

from __future__ import annotations

import re

_PLAIN = r"(?!\$\{)"
"""A secret that is written out, and not a variable such as ``${TOKEN}``."""
_USER_OF = r"[^/@:\s\"'`]*:(?![0-9]+(?:/|$))"
"""A user before a password, and not a host before a port."""
_CREDENTIALS = re.compile(
    rf"https?://{_PLAIN}[^/@:\s\"'`]+@"
    rf"|://{_USER_OF}{_PLAIN}[^@\s\"'`]+@"
    rf"|https?://[^?\s\"'`]*\?(?:[^\s\"'`]*&)?[^=&\s\"'`]*(?:token|password|secret|signature|api_?key)=(?:{_PLAIN})[^&\s]",
    re.IGNORECASE,
)
_USER = re.compile(rf"(?<=://)(?:[^/@\s'\"`]*@|{_USER_OF}[^@\s'\"`]+@)")
_QUERY = re.compile(r"(://[^\s'\"`?)]*\?)[^\s'\"`)]+")


def has_credentials(text: str) -> bool:
    """Return whether an address in a text has a password or a token. A variable such as ``${TOKEN}`` is none."""
    return bool(_CREDENTIALS.search(text))


def without_credentials(text: str) -> str:
    """Return a text with neither users, passwords nor queries in its addresses."""
    return _QUERY.sub(r"\1***", _USER.sub("***@", text))
