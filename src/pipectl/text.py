"""Plurals, and commands with their options, in messages."""

from __future__ import annotations

import shlex


def pluralize(count: int, noun: str) -> str:
    """``1 item``, ``2 items``, ``1,200 items``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def with_flags(command: str, **flags: bool) -> str:
    """``down --delete-data``: a command with the flags that are set, so that a hint repeats what the user typed."""
    return " ".join([command, *(f"--{name.replace('_', '-')}" for name, given in flags.items() if given)])


def shell_word(text: str) -> str:
    """Return a text as one word of a shell command. ``$'...'`` spells characters that no terminal can show."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(each if each.isprintable() else repr(each)[1:-1] for each in escaped)}'"
