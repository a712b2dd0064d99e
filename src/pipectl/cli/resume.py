"""`resume`: resume processing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@global_options
def resume(session: Session) -> int:
    """Resume processing.

    Continues with the first record that was not processed. No record is missed or stored twice. After a pause that is
    longer than maximum_record_age less an hour, waiting records of any age are processed: Lambda would send those that
    are older than it to the dead-letter queue. Afterwards `up` or `resume` restores the age.

    \b
    Example:
      pipectl resume
    """
    from pipectl.commands.resume import resume as run
    from pipectl.output import resume as output

    output.result(session.screen, run(session.context))
    return 0
