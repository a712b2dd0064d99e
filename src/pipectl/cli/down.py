"""`down`: delete the pipeline's resources."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options, yes_option
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@yes_option
@click.option("--delete-data", is_flag=True, help="Delete items, objects and messages too, permanently.")
@click.option("--keep-data", is_flag=True, help="Keep tables, bucket and log groups.")
@global_options
def down(session: Session, yes: bool, delete_data: bool, keep_data: bool) -> int:
    """Delete the pipeline's resources and check that none remain.

    \b
    Examples:
      pipectl down
      pipectl --local down --yes --delete-data
    """
    from pipectl.commands.down import down as run
    from pipectl.output import changes
    from pipectl.output import down as output

    if delete_data and keep_data:
        raise UsageError("use one of --delete-data and --keep-data")
    session.print_header()
    confirm = session.confirm("Delete these?", yes, partial(changes.before_asking, session.screen))
    output.result(session.screen, run(session.context, confirm, delete_data=delete_data, keep_data=keep_data))
    return 0
