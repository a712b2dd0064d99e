"""`plan`: show what `up` would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.exit_codes import CHANGES_PENDING
from pipectl.cli.options import global_options

if TYPE_CHECKING:
    from pipectl.cli.session import Session

adopt_option = click.option("--adopt", is_flag=True, help="Take over existing resources of the same names.")
allow_stream_replacement_option = click.option(
    "--allow-stream-replacement",
    is_flag=True,
    help="Allow replacing the stream or the stream mapping; records can be missed.",
)
code_option = click.option("--code", is_flag=True, help="Show the lines of code that differ.")


@click.command()
@click.option("--exit-code", is_flag=True, help="Exit with 3 when there are changes.")
@code_option
@adopt_option
@allow_stream_replacement_option
@global_options
def plan(session: Session, exit_code: bool, code: bool, adopt: bool, allow_stream_replacement: bool) -> int:
    """Show what `up` would do, attribute by attribute.

    \b
    Examples:
      pipectl plan
      pipectl plan --code
      pipectl -c config/prod.yaml plan --exit-code
    """
    return show_plan(session, adopt, allow_stream_replacement, CHANGES_PENDING if exit_code else 0, code=code)


def show_plan(
    session: Session, adopt: bool, allow_stream_replacement: bool, pending_code: int = 0, *, code: bool = False
) -> int:
    """Print the plan, then the refusals as one error; return the exit code."""
    from pipectl.commands.config import check
    from pipectl.commands.plan import plan as run
    from pipectl.output import config
    from pipectl.output import plan as output

    session.print_header()
    config.ending_runtimes(session.screen, session.config, session.today)
    config.package_warnings(session.screen, check(session.config, session.file))
    report = run(session.context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    output.result(session.screen, report, code=code)
    if report.refused:
        return output.refused(session.screen, report)
    return pending_code if report.pending else 0
