"""The page of the commands, from the command line."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from tools.reference.markdown import DO_NOT_EDIT, shown, table

from pipectl.cli.main import GROUPS
from pipectl.cli.main import main as pipectl

_DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES: Mapping[str, tuple[str, ...]] = {
    "up": ("how-to/deploy.md", "how-to/review-a-change.md"),
    "status": ("runbook.md",),
    "down": ("how-to/delete.md", "how-to/rename.md"),
    "replay-dlq": ("how-to/replay.md", "how-to/save-records.md", "concepts/replay.md"),
    "init": ("how-to/new-project.md", "tutorial.md"),
    "local start": ("how-to/local.md",),
    "config check": ("config.md",),
    "doctor": ("credentials.md",),
    "plan": ("how-to/review-a-change.md", "how-to/adopt.md", "ci.md"),
    "rollback": ("how-to/rollback.md",),
    "report": ("how-to/report.md",),
    "outputs": ("how-to/scripts.md",),
    "list": ("environments.md",),
    "permissions": ("security.md",),
    "template": ("comparison.md",),
    "send": ("handlers.md",),
    "audit list": ("how-to/find-a-failure.md", "concepts/failures.md"),
    "audit resolve": ("how-to/close-failures.md",),
    "audit show": ("how-to/find-a-failure.md",),
    "logs": ("how-to/find-a-failure.md",),
    "trace": ("how-to/follow-an-order.md",),
    "verify": ("how-to/find-lost-records.md",),
    "pause": ("how-to/stop-processing.md", "concepts/clocks.md"),
    "resume": ("how-to/stop-processing.md",),
    "completion": ("how-to/install.md",),
}
"""Pages that show a command at work, by the command."""


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
        "before and after the command. Those that mean nothing to a command are errors after it. Before it they are",
        "ignored, so that an alias with options fits every command, except where the result would be another one.",
        "[exit-codes.md](exit-codes.md) and [json.md](json.md) are for scripts.",
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
    return [*head, *_options(command, context, common), *without, *_see(context.command_path.partition(" ")[2])]


def _see(command: str) -> Iterator[str]:
    """Yield the line with the links of a command."""
    if pages := PAGES.get(command):
        titles = [(_DOCS / page).read_text(encoding="utf-8") for page in pages]
        links = [f"[{_title(text)}]({page})" for page, text in zip(pages, titles, strict=True)]
        yield f"\nSee {', '.join(links)}."


def _title(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("# ")).removeprefix("# ")


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
