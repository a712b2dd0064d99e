"""The group of all commands. It imports a command's module when the command is used."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoArgsIsHelpError

from pipectl import __version__
from pipectl.cli.completing import VARIABLE
from pipectl.cli.ending import leave
from pipectl.cli.options import Globals, command_name, options_before_the_command, takes_no
from pipectl.errors import CancelledError, PipectlError, UsageError
from pipectl.global_options import is_global

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Everyday": {
        "up": "Create missing resources and repair differences.",
        "status": "Show whether the pipeline is healthy, and what is wrong.",
        "down": "Delete the pipeline's resources and check that none remain.",
        "replay-dlq": "Replay failed records.",
    },
    "Start": {
        "init": "Write a new project, or the config of another environment.",
        "demo": "Demonstrate the pipeline on a temporary local emulator.",
        "local": "Start, stop and inspect the local emulator.",
        "config": "Check and print the config file.",
        "doctor": "Check credentials, permissions, clock, emulator and versions.",
    },
    "Review": {
        "plan": "Show what `up` would do, attribute by attribute.",
        "rollback": "Use an earlier version of the processor.",
        "report": "Write a report as one HTML page, or the pipeline as a picture.",
        "outputs": "Print names, ARNs and URLs of the pipeline.",
        "list": "List the pipelines of the account and region.",
        "permissions": "Print IAM policies, with the names of this config and account.",
        "template": "Print the pipeline as a CloudFormation template.",
    },
    "Try": {
        "send": "Write one order, and follow it to its object or its failure.",
    },
    "On call": {
        "audit": "List, show, count and resolve failures.",
        "logs": "Show the functions' logs.",
        "trace": "Show whether an order is stored, waiting, failed or lost.",
        "verify": "Find lost records: neither stored nor reported as failed.",
        "pause": "Pause processing.",
        "resume": "Resume processing.",
    },
    "More": {
        "completion": "Print a script for the completion of command lines.",
        "help": "Show the help of a command.",
    },
}
"""Every command with its short help, in groups. The list is printed without importing the commands."""

COMMANDS: Mapping[str, str] = {name: words for group in GROUPS.values() for name, words in group.items()}


class Pipectl(click.Group):
    """The group of all commands. With ``-o json``, click's errors are JSON too."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"pipectl.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        width = max(map(len, COMMANDS))
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(f"{name:<{width}}", words) for name, words in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            raise click.NoSuchCommand(name, possibilities=get_close_matches(name, COMMANDS, n=1), ctx=ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=words) for name, words in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(
                stream, io.TextIOWrapper
            ):  # a name or an error can have characters that the terminal cannot show
                stream.reconfigure(errors="backslashreplace")
        if shell := os.environ.get(VARIABLE):
            from pipectl.cli.shells import answer

            leave(answer(self, shell))
        given = list(sys.argv[1:] if args is None else args)
        extra |= {"standalone_mode": False, "prog_name": "pipectl"}
        try:
            code = super().main(given, *more, **extra) or 0
        except click.Abort:
            code = _fail(CancelledError("interrupted"), as_json=_asks_for_json(given))
        except click.ClickException as error:
            code = _usage(error, as_json=_asks_for_json(given))
        except PipectlError as error:
            code = _fail(error, as_json=_asks_for_json(given))
        except BrokenPipeError:
            code = 1
        except OSError as error:  # the help or the version cannot be written
            code = _fail(PipectlError(error.strerror or str(error)), as_json=_asks_for_json(given))
        leave(code)


def _usage(error: click.ClickException, *, as_json: bool) -> int:
    """Print an error of the command line and return its exit code."""
    context = getattr(error, "ctx", None)
    is_help = isinstance(error, NoArgsIsHelpError)
    if context and not as_json:
        with suppress(OSError):
            click.echo(context.get_help() if is_help else context.get_usage(), err=True)
        if is_help:
            return error.exit_code
    message = "no command is given" if is_help else " ".join(error.format_message().split())
    if context and isinstance(error, click.NoSuchOption) and is_global(error.option_name):
        message = takes_no(command_name(context), error.option_name)
    hint = f"see `{context.command_path} --help`" if context else None
    return _fail(UsageError(message, hint=hint), as_json=as_json)


def _fail(error: PipectlError, *, as_json: bool) -> int:
    from pipectl.output.console import Screen

    Screen(json_output=as_json).error(error)
    return error.exit_code


def _asks_for_json(args: Sequence[str]) -> bool:
    """Return whether the last ``-o`` is ``json``. The line could not be parsed, so nothing else is known."""
    joined = " ".join(args[: args.index("--")] if "--" in args else args)
    return re.findall(r"(?:^|\s)(?:-[a-z]*?o[=\s]?|--output[=\s])(\S+)", joined)[-1:] == ["json"]


@click.group(cls=Pipectl, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipectl")
@options_before_the_command
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Create and operate an event-driven pipeline on AWS.

    Your code on Lambda processes each order written to a DynamoDB table and stores it in S3. An order that fails is
    kept, explained, and can be replayed. The config is the desired state, the AWS APIs report the actual state, and
    tags mark managed resources: there is no stack and no state file.

    \b
    Examples:
      pipectl demo
      pipectl init
      pipectl -c config/prod.yaml plan
      pipectl --local up --yes
    """
    context.obj = Globals(**options)
