"""`logs`: show the functions' logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import MOMENT, NOT_EMPTY, SINCE_HELP, check_period, global_options, until_option
from pipectl.errors import CancelledError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.logs import Search

_ONE_OF = ("--order", "--failure", "--filter")


@click.command()
@click.argument("function", required=False, type=click.Choice(["processor", "auditor"]))
@click.option("--errors", is_flag=True, help="Failed records, exceptions, timeouts and crashes only.")
@click.option("--order", metavar="KEY", type=NOT_EMPTY, help="Lines about the order with this key only.")
@click.option(
    "--failure", "audit_id", metavar="ID", type=NOT_EMPTY, help="Lines about a failure only; `audit list` has the ids."
)
@click.option("--filter", "pattern", metavar="PATTERN", help="CloudWatch Logs filter pattern.")
@click.option(
    "--since",
    type=MOMENT,
    help=f"{SINCE_HELP}  [default: 10m; 1h with --errors, 24h with --order, since its records with --failure]",
)
@until_option
@click.option("--raw", is_flag=True, help="Print each line as it is, and Lambda's own lines, too.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until Ctrl-C.")
@global_options
def logs(
    session: Session,
    function: str | None,
    errors: bool,
    order: str | None,
    audit_id: str | None,
    pattern: str | None,
    since: datetime | None,
    until: datetime | None,
    raw: bool,
    follow: bool,
) -> int:
    """Show the functions' logs.

    Shows both functions, unless one is named. Equal lines are shown once, with their number.

    --follow asks every 2 seconds: both functions take 1 request a second of the 5 that AWS allows in an account and
    region.

    \b
    Examples:
      pipectl logs --errors
      pipectl logs --order o-1042
      pipectl logs --failure 3f1c8a2
      pipectl logs processor --since 1h --filter InvalidOrderError
      pipectl logs --follow -o json
    """
    from pipectl.commands import logs as commands
    from pipectl.output import logs as output

    _check(function, order, audit_id, pattern, since, until, follow=follow)
    since = since or datetime.now(UTC) - (timedelta(minutes=10) if follow else _default_age(order, errors=errors))
    check_period(since, until)
    functions = (function,) if function else ("processor",) if order else ("processor", "auditor")
    search = commands.Search(functions, since, until, pattern, order, errors, raw)
    if follow:
        session.screen.opening(f"Following the log of the {' and the '.join(functions)}. Ctrl-C ends.")
        return _follow(session, search)
    session.screen.step("Reading the log...")
    if audit_id:
        report = commands.logs_of_failure(session.context, audit_id, search)
    else:
        report = commands.logs(session.context, search)
    output.result(session.screen, report)
    return 0


def _check(
    function: str | None,
    order: str | None,
    audit_id: str | None,
    pattern: str | None,
    since: datetime | None,
    until: datetime | None,
    *,
    follow: bool,
) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: two of them do.
    """
    given = [name for name, value in zip(_ONE_OF, (order, audit_id, pattern), strict=True) if value is not None]
    if len(given) > 1:
        raise UsageError(f"use one of {' and '.join(given)}")
    if order is not None and function == "auditor":
        raise UsageError("--order cannot be used with auditor", hint="the processor logs the keys of orders")
    if audit_id is not None and (since or until):
        raise UsageError("--failure cannot be used with --since or --until", hint="the failure names its period")
    if follow and until:
        raise UsageError("--follow cannot be used with --until")
    if follow and audit_id is not None:
        raise UsageError("--follow cannot be used with --failure", hint="use --order to follow an order")


def _default_age(order: str | None, *, errors: bool) -> timedelta:
    if order is not None:
        return timedelta(hours=24)
    return timedelta(hours=1) if errors else timedelta(minutes=10)


def _follow(session: Session, search: Search) -> int:
    from pipectl.commands import logs as commands
    from pipectl.output.logs import Follower

    follower = Follower(session.screen, search)
    try:
        for lines in commands.follow(session.context, search):
            follower.show(lines, session.clock.now())
            session.screen.step("Waiting for new lines. Ctrl-C ends.")
    except KeyboardInterrupt:
        follower.end(session.clock.now())
        return CancelledError.exit_code  # the normal end of following, without a message
    return 0
