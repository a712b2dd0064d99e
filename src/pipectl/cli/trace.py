"""`trace`: follow one order and show where it is stuck."""

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
    """Follow one order and show where it is stuck.

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
