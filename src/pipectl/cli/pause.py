"""`pause`: pause processing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options, user_name

if TYPE_CHECKING:
    from pipectl.cli.session import Session


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
