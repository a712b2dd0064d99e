"""`status`: show every resource and the pipeline's health."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.exit_codes import CHANGES_PENDING
from pipectl.cli.options import global_options

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option(
    "--exit-code", is_flag=True, help="Exit with 3 when a resource is not in sync or the pipeline is not healthy."
)
@global_options
def status(session: Session, exit_code: bool) -> int:
    """Show every resource and the pipeline's health.

    A resource is in sync, drifted, missing, or not managed by pipectl. Health is one verdict over mappings, iterator
    age, errors, queue, alarms and unresolved failures: healthy, unknown, degraded or failing. Unknown is not healthy.

    \b
    Examples:
      pipectl status
      pipectl status --exit-code -o json
    """
    from pipectl.commands.status import status as run
    from pipectl.output import config
    from pipectl.output import status as output

    session.print_header()
    config.ending_runtimes(session.screen, session.config, session.today)
    report = run(session.context)
    output.result(session.screen, report)
    return CHANGES_PENDING if exit_code and not report.healthy else 0
