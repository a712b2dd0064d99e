"""The page of the commands, from the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from tools.reference.markdown import DO_NOT_EDIT, shown, table

from pipectl.cli.main import GROUPS
from pipectl.cli.main import main as pipectl


def page() -> str:
    """Return the page of the commands: each command and option with its help."""
    root = click.Context(pipectl, info_name="pipectl")
    shared = {option.opts[-1] for option in pipectl.params if isinstance(option, click.Option)}
    parts = [
        DO_NOT_EDIT,
        "# Commands\n",
        "```",
        "pipectl [OPTIONS] COMMAND [OPTIONS]",
        "```\n",
        "`pipectl --version` prints the version, `pipectl help COMMAND` the help of a command. The options below work",
        "before and after the command. A command takes those that mean something to it. Before the command the others",
        "are ignored.\n",
        *_options(pipectl, root, {"--version"}),
        "",
    ]
    contexts = [*_commands(pipectl, root)]
    for group, names in GROUPS.items():
        parts.append(f"- {group}: {', '.join(f'[{name}](#{_anchor(name, contexts)})' for name in names)}")
    for group, names in GROUPS.items():
        parts.append(f"\n## {group}")
        for context in contexts:
            if context.command_path.split()[1] in names:
                parts += _section(context, shared)
    return "\n".join(parts) + "\n"


def _anchor(name: str, contexts: list[click.Context]) -> str:
    """Return the anchor of a command, or of the first command of a group."""
    path = next(each.command_path for each in contexts if each.command_path.split()[1] == name)
    return path.replace(" ", "-")


def _section(context: click.Context, shared: set[str]) -> list[str]:
    command = context.command
    usage = " ".join(command.collect_usage_pieces(context))
    head = [f"\n### {context.command_path}\n", "```", f"{context.command_path} {usage}", "```\n", _help(command)]
    own = {option.opts[-1]: option for option in command.params if isinstance(option, click.Option)}
    missing = [option.opts[-1] for option in pipectl.params if option.opts[-1] in shared - {"--version", *own}]
    common = {name for name, option in own.items() if (option.name or "").startswith("global_")}
    all_missing = not shared - {"--version", *missing}
    names = "global option" if all_missing else ", ".join(f"`{name}`" for name in missing)
    without = [f"\nTakes no {names}."] if missing else []
    return [*head, *_options(command, context, common), *without]


def _commands(group: click.Group, parent: click.Context) -> Iterator[click.Context]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from _commands(command, context)
        else:
            yield context


def _help(command: click.Command) -> str:
    return "\n\n".join(map(_paragraph, inspect.cleandoc(command.help or "").split("\n\n")))


def _paragraph(text: str) -> str:
    """Return a paragraph in one line, or unchanged as code when click's ``\b`` keeps its line breaks."""
    if text.startswith("\b\n"):
        lines = text.removeprefix("\b\n")
        return f"```\n{lines}\n```"
    return " ".join(text.split())


def _options(command: click.Command, context: click.Context, shared: set[str]) -> list[str]:
    records = [
        record
        for option in command.get_params(context)
        if isinstance(option, click.Option) and option.opts[-1] not in shared | {"--help"}
        if (record := option.get_help_record(context))
    ]
    if not records:
        return []
    cells = [(flags.replace("|", "\\|"), shown(words.replace("|", "\\|"))) for flags, words in records]
    return ["", *table(("option", "meaning"), ((f"`{flags}`", words) for flags, words in cells))]
