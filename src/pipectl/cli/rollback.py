"""`rollback`: use an earlier version of the processor."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options, user_name, yes_option

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option("--to", type=click.IntRange(1), metavar="VERSION", help="Version number.  [default: the previous one]")
@click.option(
    "--by", metavar="NAME", default=user_name, help="Your name, stored with the alias.  [default: your user name]"
)
@yes_option
@global_options
def rollback(session: Session, to: int | None, by: str, yes: bool) -> int:
    """Use an earlier version of the processor.

    Code and settings change back in one call, for new records and for replays. The config stays: `plan` shows the
    difference, and `up` would undo the rollback. Permissions and other resources are not rolled back.

    \b
    Examples:
      pipectl rollback
      pipectl rollback --to 6 --yes
    """
    from pipectl.commands.rollback import rollback as run
    from pipectl.output import rollback as output

    session.print_header()
    confirm = session.confirm("Roll back?", yes, partial(output.before_asking, session.screen))
    output.result(session.screen, run(session.context, confirm, by, to))
    return 0
