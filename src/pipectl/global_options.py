"""The global options that mean nothing to a command.

A command does not take such an option: its help, its completion and the commands in messages leave it out. Before the
command the option is ignored, so that an alias with options works with every command. It is refused there, too, where
the user would get another result than the one asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

SHORT = {"--config": "-c", "--output": "-o", "--quiet": "-q", "--verbose": "-v"}
"""The options that have a short form."""

_PLACE = ("--profile", "--region", "--endpoint-url")
_ALL = ("--config", *_PLACE, "--local", "--output", "--no-color", "--quiet", "--verbose")
MARKDOWN_COMMANDS = ("plan", "up")
"""The commands with ``-o markdown``."""


@dataclass(frozen=True)
class Unused:
    """Options that mean nothing to a command.

    Attributes:
        options: The options, in their long forms.
        reason: Completes "it takes no ...: ".
        refused: The options of these that are refused before the command, too.
    """

    options: tuple[str, ...]
    reason: str
    refused: tuple[str, ...] = ()


_UNUSED: Mapping[str, Unused] = {
    "init": Unused(("--config", *_PLACE, "--local"), "it only writes files"),
    "demo": Unused((*_PLACE, "--local"), "it starts a local emulator of its own"),
    "local": Unused(("--config", *_PLACE, "--local"), "there is one local emulator for all configs"),
    "config check": Unused((*_PLACE, "--local"), "it only reads files"),
    "config show": Unused((*_PLACE, "--local"), "it only reads files"),
    "config schema": Unused(("--config", *_PLACE, "--local"), "the schema is the same for every config"),
    "permissions": Unused(("--local",), "the local emulator needs no policies", ("--local",)),
    "template": Unused(("--local",), "the local emulator needs no template", ("--local",)),
    "completion": Unused(_ALL, "it prints a script", ("--output",)),
    "help": Unused(_ALL, "it prints text", ("--output",)),
}
"""The options by command, or by group of commands."""


def unused(command: str) -> Iterator[Unused]:
    """Yield the options that mean nothing to a command.

    Args:
        command: The command, and more words of its command line.
    """
    words = command.split()
    for count in range(1, len(words) + 1):
        if found := _UNUSED.get(" ".join(words[:count])):
            yield found


def reason_against(command: str, option: str) -> str | None:
    """Return why an option means nothing to a command; ``None`` if the command takes it.

    Args:
        command: The command, and more words of its command line.
        option: The option in its short or long form.
    """
    return next((each.reason for each in unused(command) for name in each.options if _is(name, option)), None)


def _is(name: str, option: str) -> bool:
    return option in (name, SHORT.get(name))


def is_global(option: str) -> bool:
    """Return whether a word is a global option, in its short or long form."""
    return any(_is(name, option) for name in _ALL)
