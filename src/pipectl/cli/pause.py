"""`pause`: pause processing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.confirming import confirm_option, confirm_protected
from pipectl.cli.options import global_options, user_name

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option(
    "--by", metavar="NAME", default=user_name, help="Your name, stored in the tag PausedBy.  [default: your user name]"
)
@click.option(
    "--allow-skipped-records",
    is_flag=True,
    help="Pause with starting_position LATEST, too: Lambda can then skip records.",
)
@confirm_option("Environment name, for --allow-skipped-records in a protected environment.")
@global_options
def pause(session: Session, by: str, allow_skipped_records: bool, confirm: str | None) -> int:
    """Pause processing.

    Records wait in the stream, which keeps each for 24 hours from its write, whatever maximum_record_age is. After a
    long pause `resume` processes waiting records of any age. Two tags hold the start of the pause and your name; `up`
    leaves a paused pipeline paused.

    \b
    Examples:
      pipectl pause
      pipectl pause --by ada
    """
    from pipectl.commands.pause import pause as run
    from pipectl.output import pause as output

    if allow_skipped_records:
        confirm_protected(session, confirm, "Records that are written while it is paused can be skipped.")
    output.result(session.screen, run(session.context, by, allow_skipped_records=allow_skipped_records))
    return 0
