"""`verify`: find lost records."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipectl.cli.exit_codes import PARTLY_DONE, UNCERTAIN
from pipectl.cli.options import global_options, since_option, yes_option

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.verify import VerifyReport


@click.command()
@since_option("24h")
@click.option("--repair", is_flag=True, help="Process the lost records.")
@yes_option
@global_options
def verify(session: Session, since: datetime, repair: bool, yes: bool) -> int:
    """Find lost records: neither stored nor reported as failed.

    Records get lost when a failure cannot be delivered to the dead-letter queue, or when the stream mapping is replaced
    at the wrong position. Exits with 4 when records are lost and not repaired, and with 3 when nothing certain is known
    about some: the mapping does not read, its progress is unknown, or a shard could not be read to its end.

    A shard has room for two readers, and the stream mapping is one. While verify reads, another reader can be refused.

    \b
    Examples:
      pipectl verify
      pipectl verify --since 6h --repair
    """
    session.screen.step("reading the config")
    from pipectl.commands.verify import verify as run
    from pipectl.output import verify as output

    session.print_header()
    session.screen.opening("Reading the stream, the bucket and the audit table.")
    shown: list[VerifyReport] = []

    def show(report: VerifyReport) -> None:
        shown.append(report)
        output.before_asking(session.screen, report)

    confirm = session.confirm("Process the lost records?", yes, show)
    report = run(session.context, since, repair=repair, confirm=confirm)
    output.result(session.screen, report, asked=bool(shown))
    if report.is_lost:
        return PARTLY_DONE
    return 0 if report.ok else UNCERTAIN
