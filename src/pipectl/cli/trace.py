"""`trace`: show whether an order is stored, waiting, failed or lost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options, since_option

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.argument("key")
@since_option("24h")
@global_options
def trace(session: Session, key: str, since: datetime) -> int:
    """Show whether an order is stored, waiting, failed or lost.

    KEY is the value of the order's partition key. Shows the item, its versions in the stream, its objects and its
    failures, in order of time. The stream has the versions of the last 24 hours; a later --since reads fewer shards.

    \b
    Examples:
      pipectl trace order-7
      pipectl trace order-7 --since 1h
    """
    session.screen.opening(f"Looking for order {key} in the tables, the stream and the bucket.")
    from pipectl.commands.trace import trace as run
    from pipectl.output import trace as output

    output.result(session.screen, run(session.context, key, since))
    return 0
