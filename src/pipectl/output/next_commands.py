"""The commands that help next, as `send` and `trace` print them below their results."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipectl.output.console import Screen

_COMMAND = re.compile("`(pipectl [^`]+)`")


def command_in(text: str) -> str | None:
    """Return the first command in backticks of a text, such as ``pipectl resume``; ``None`` without one."""
    found = _COMMAND.search(text)
    return found[1] if found else None


def print_next(screen: Screen, commands: Iterable[str]) -> None:
    """Print commands such as ``pipectl audit list``, each on a line."""
    for number, command in enumerate(with_options(screen, commands)):
        screen.line(("Next: " if number == 0 else "      ", "bold"), command)


def with_options(screen: Screen, commands: Iterable[str]) -> list[str]:
    """Return the commands with the options that were used."""
    return [screen.completed(f"`{command}`").strip("`") for command in commands]
