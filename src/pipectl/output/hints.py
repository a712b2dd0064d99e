"""Commands in messages: authors write `pipectl up`, users read it with the options that they used."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from pipectl.global_options import reason_against

_COMMAND = re.compile(r"`pipectl (?=(?P<command>[a-z][a-z-]*(?:\s+[a-z][a-z-]*)?))")

Options = Sequence[tuple[str, str | None]]
"""The options that were used, each with its value; ``None`` for a flag."""


def with_options(text: str, options: Options) -> str:
    """Return a text in which each command in backticks carries the options, quoted for a shell."""

    def insert(found: re.Match[str]) -> str:
        words = [
            shlex.quote(word)
            for name, value in options
            if reason_against(found["command"], name) is None
            for word in (name, value)
            if word is not None
        ]
        return f"`pipectl {' '.join(words)} " if words else found[0]

    return _COMMAND.sub(insert, text)
