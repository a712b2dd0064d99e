"""`send`: write one order and follow it, or invoke the processor with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipectl.cli.completing import order_files
from pipectl.cli.confirming import confirm_option, confirm_protected
from pipectl.cli.exit_codes import UNCERTAIN
from pipectl.cli.options import NOT_EMPTY, global_options
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.send_order import Order

_LONGEST_TIMEOUT = 3600


@click.command()
@click.argument("order", type=NOT_EMPTY, shell_complete=order_files)
@click.option("--direct", is_flag=True, help="Invoke the processor with the order; write nothing to the table.")
@click.option(
    "--timeout",
    type=click.IntRange(1, _LONGEST_TIMEOUT),
    metavar="SECONDS",
    help="Time for which the order is followed.  [default: 60, plus the batching window]",
)
@confirm_option("Environment name, to send to a protected environment.")
@global_options
def send(session: Session, order: str, direct: bool, timeout: int | None, confirm: str | None) -> int:
    """Write one order, and follow it to its object or its failure.

    ORDER is JSON, the name of a file, or - for stdin: plain JSON, or DynamoDB's typed form when its partition key is an
    object such as {"S": "order-1"}. An order without a partition key gets a new one. Exits with 0 when the order is
    stored, with 1 when it failed, and with 3 when it still waits.

    With --direct, the deployed processor is invoked with the event of one insert, and its answer and log lines are
    shown. What it stores has a name that begins with "direct-".

    \b
    Examples:
      pipectl send events/order.json
      pipectl send '{"orderId": "order-1", "amount": 12.50}'
      pipectl send events/order.json --timeout 120 -o json
      pipectl send --direct events/invalid-order.json
    """
    if order == "-" and sys.stdin is not None and sys.stdin.isatty():
        session.screen.note("Type the JSON of an order, then Ctrl-D.")
    else:
        session.print_first_words()
    if direct and timeout is not None:
        raise UsageError("use one of --direct and --timeout")
    parsed = _order(session, order)
    session.print_header()
    consequence = "The processor is invoked with an order." if direct else "An order is written to its table."
    confirm_protected(session, confirm, consequence)
    from pipectl.output import send as output

    if direct:
        from pipectl.commands.send_direct import send_direct

        found = send_direct(session.context, parsed)
        output.direct(session.screen, found)
        return 1 if found.error else 0
    from pipectl.commands.send import SendState
    from pipectl.commands.send import send as run

    report = run(session.context, parsed, timeout=timeout)
    output.result(session.screen, report)
    return {SendState.STORED: 0, SendState.FAILED: 1, SendState.WAITING: UNCERTAIN}[report.state]


def _order(session: Session, argument: str) -> Order:
    """Return the order that an argument names, or is."""
    from secrets import token_hex

    from pipectl.commands.send_order import parse_order

    text = _text(argument)
    return parse_order(text, session.config.orders_table.partition_key, lambda: f"order-{token_hex(4)}")


def _text(argument: str) -> str | bytes:
    """Return the JSON of an argument: from stdin, itself, or of a file.

    Raises:
        UsageError: stdin is closed, there is no such file, or it cannot be read.
    """
    from pipectl.commands.send_order import LARGEST_TEXT

    if argument == "-" and sys.stdin is None:
        raise UsageError("stdin is closed", hint="name a file, or give the JSON of an order")
    if argument == "-":
        return sys.stdin.buffer.read(LARGEST_TEXT + 1)
    if argument.lstrip().startswith(("{", "[")):
        return argument
    try:
        with Path(argument).open("rb") as file:
            return file.read(LARGEST_TEXT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not the name of a file"
        hint = "name an existing file, JSON that begins with {, or - for stdin"
        raise UsageError(f"{argument}: {reason}", hint=hint) from None
