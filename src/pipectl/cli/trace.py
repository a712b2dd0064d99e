"""`trace`: show whether an order is stored, waiting, failed or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.argument("key")
@global_options
def trace(session: Session, key: str) -> int:
    """Show whether an order is stored, waiting, failed or lost.

    KEY is the value of the order's partition key. Shows the item, its versions in the stream, its objects and its
    failures, in order of time.

    \b
    Example:
      pipectl trace order-7
    """
    from pipectl.commands.trace import trace as run
    from pipectl.output import trace as output

    output.result(session.screen, run(session.context, key))
    return 0
