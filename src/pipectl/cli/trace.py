"""`trace`: show whether an order is stored, waiting, failed or lost."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import NOT_EMPTY, global_options, since_option

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.argument("key", type=NOT_EMPTY)
@since_option("24h")
@click.option("--full", is_flag=True, help="Show the whole item, sequence numbers, ids and objects.")
@global_options
def trace(session: Session, key: str, since: datetime, full: bool) -> int:
    """Show whether an order is stored, waiting, failed or lost.

    KEY is the value of the order's partition key. Shows the verdict, what was checked, what is not sure, and what
    happened to each version, the newest last. The stream has the versions of the last 24 hours; a later --since reads
    fewer shards. Unresolved failures are found at any age. Exits with 1 when there is no such order.

    \b
    Examples:
      pipectl trace order-7
      pipectl trace order-7 --since 1h
      pipectl trace order-7 --full
    """
    session.screen.opening(f"Looking for order {key} in the tables, the stream and the bucket.")
    from pipectl.commands.trace import trace as run
    from pipectl.output import trace as output

    output.result(session.screen, run(session.context, key, since), full=full)
    return 0
