"""The commands of the program, and a parser of command lines that runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from pipectl.cli.main import main


def all_commands(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group, with the words that lead to it."""
    yield path, group
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from all_commands(command, (*path, name))
        else:
            yield (*path, name), command


def parse(words: Sequence[str]) -> tuple[str, ...]:
    """Parse a command line, down to the subcommand, without running it. Return the names of the commands.

    Raises:
        click.UsageError: it is not valid.
    """
    context = main.make_context("pipectl", list(words))
    names: list[str] = []
    while isinstance(group := context.command, click.Group):
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        names.append(str(name))
        context = command.make_context(name, rest, parent=context)
    return tuple(names)
