"""`logs`: show the functions' logs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import check_period, global_options, since_option, until_option
from pipectl.errors import CancelledError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.argument("function", required=False, type=click.Choice(["processor", "auditor"]))
@since_option("10m")
@until_option
@click.option("--filter", "pattern", metavar="PATTERN", help="CloudWatch Logs filter pattern.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until Ctrl-C.")
@global_options
def logs(
    session: Session, function: str | None, since: datetime, until: datetime | None, pattern: str | None, follow: bool
) -> int:
    """Show the functions' logs.

    Shows both functions, unless one is named.

    \b
    Examples:
      pipectl logs processor --since 1h
      pipectl logs --filter InvalidOrderError
      pipectl logs --follow
    """
    from pipectl.commands import logs as commands
    from pipectl.output import logs as output

    check_period(since, until)
    functions = [function] if function else ["processor", "auditor"]
    if not follow:
        output.result(session.screen, commands.lines(session.context, functions, since, until, pattern))
        return 0
    if session.screen.json_output or until:
        raise UsageError("--follow cannot be used with -o json or --until")
    try:
        for line in commands.follow(session.context, functions, since, pattern):
            output.line(session.screen, line)
    except KeyboardInterrupt:
        return CancelledError.exit_code  # the normal end of following, without a message
    return 0
