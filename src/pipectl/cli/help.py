"""`help`: show the help of a command."""

from __future__ import annotations

from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from pipectl.errors import UsageError


def _commands(context: click.Context, argument: click.Parameter, typed: str) -> list[CompletionItem[str]]:
    """Offer the commands of the group that is named so far."""
    try:
        found = _named(context, context.params.get(argument.name or "") or ())
    except (click.UsageError, UsageError):
        return []
    return found.command.shell_complete(found, typed)


@click.command()
@click.argument("command", metavar="[COMMAND]...", nargs=-1, shell_complete=_commands)
@click.pass_context
def help(context: click.Context, command: tuple[str, ...]) -> None:  # noqa: A001 - the name of the command
    """Show the help of a command.

    \b
    Examples:
      pipectl help
      pipectl help up
      pipectl help audit list
    """
    context.find_root().obj.refuse_unused("help")
    click.echo(_named(context, command).get_help())


def _named(context: click.Context, names: tuple[str, ...]) -> click.Context:
    """Return the context of a command.

    Raises:
        click.NoSuchCommand: there is no such command.
        UsageError: a name follows that of a command without commands.
    """
    found = context.find_root()
    for name in names:
        group = found.command
        if not isinstance(group, click.Group):
            command = found.command_path.partition(" ")[2]
            raise UsageError(f"`{command}` has no commands", hint=f"see `pipectl help {command}`")
        named = group.get_command(found, name)
        if named is None:
            meant = get_close_matches(name, group.list_commands(found), n=1)
            raise click.NoSuchCommand(name, possibilities=meant, ctx=found)
        found = click.Context(named, info_name=name, parent=found)
    return found
