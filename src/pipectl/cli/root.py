"""The group that all commands hang on."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from pipectl import __version__
from pipectl.cli.session import Globals, options_before_the_command
from pipectl.errors import CancelledError, UsageError
from pipectl.output.console import Screen


class Pipectl(click.Group):
    """The group; it tells click's own errors as JSON where JSON is asked for."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a name or an error can hold what the terminal has no letters for
                stream.reconfigure(errors="backslashreplace")
        given = list(sys.argv[1:] if args is None else args)
        extra |= {"standalone_mode": False, "prog_name": "pipectl"}
        try:
            sys.exit(super().main(given, *more, **extra) or 0)
        except click.Abort:
            Screen(json_output=_asks_for_json(given)).error(CancelledError("interrupted"))
            sys.exit(CancelledError.exit_code)
        except click.ClickException as error:
            if _asks_for_json(given):
                Screen(json_output=True).error(_usage_error(error))
            else:
                error.show()
            sys.exit(error.exit_code)


def _asks_for_json(args: Sequence[str]) -> bool:
    """Whether the last ``-o`` says so; the line could not be parsed, so this is all that is known of it."""
    joined = " ".join(args[: args.index("--")] if "--" in args else args)
    return re.findall(r"(?:^|\s)(?:-[a-z]*?o[=\s]?|--output[=\s])(\S+)", joined)[-1:] == ["json"]


def _usage_error(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    message = "no command is given" if isinstance(error, NoArgsIsHelpError) else error.format_message()
    return UsageError(message, hint=f"see `{context.command_path} --help`" if context else None)


@click.group(cls=Pipectl, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipectl")
@options_before_the_command
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Provision and operate a resilient event-driven pipeline on AWS.

    A table's stream drives a function that stores each record as JSON in a bucket; what fails for good is audited and
    can be replayed. No stack, no state file: the config says what should be, AWS says what is.
    """
    context.obj = Globals(**options)
