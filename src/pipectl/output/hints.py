"""Commands in messages: authors write `pipectl up`, users read it with the options that they used."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_COMMAND = re.compile(r"`pipectl (?=(?P<name>[a-z][a-z-]*))")
_AWS_OPTIONS = ("--profile", "--region", "--endpoint-url", "--local")
_NOWHERE = ("-c", *_AWS_OPTIONS)
_IGNORED = {"config": _AWS_OPTIONS, "demo": _AWS_OPTIONS, "init": _NOWHERE, "local": _NOWHERE}
"""The options that mean nothing to a command."""

Options = Sequence[tuple[str, str | None]]
"""The options that were used, each with its value; ``None`` for a flag."""


def with_options(text: str, options: Options) -> str:
    """Return a text in which each command in backticks carries the options, quoted for a shell."""

    def insert(found: re.Match[str]) -> str:
        words = [
            shlex.quote(word)
            for name, value in options
            if name not in _IGNORED.get(found["name"], ())
            for word in (name, value)
            if word is not None
        ]
        return f"`pipectl {' '.join(words)} " if words else found[0]

    return _COMMAND.sub(insert, text)
