"""`pause`: pause processing."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options

if TYPE_CHECKING:
    from pipectl.cli.session import Session


def user_name() -> str:
    """Return the user's name, or the user id where it has no name."""
    with suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"


@click.command()
@click.option(
    "--by", metavar="NAME", default=user_name, help="Your name, stored in the tag PausedBy.  [default: your user name]"
)
@global_options
def pause(session: Session, by: str) -> int:
    """Pause processing.

    Records wait in the stream, which keeps them for 24 hours. Two tags hold the start of the pause and your name; `up`
    leaves a paused pipeline paused.

    \b
    Examples:
      pipectl pause
      pipectl pause --by ada
    """
    from pipectl.commands.pause import pause as run
    from pipectl.output import pause as output

    output.result(session.screen, run(session.context, by))
    return 0
