"""`audit`: list, show and count failures."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import check_period, global_options, since_option, until_option
from pipectl.failures.model import FAILURE_TYPES, ReplayStatus

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.group()
def audit() -> None:
    """List, show and count failures.

    \b
    Examples:
      pipectl audit list
      pipectl audit show 3f1c8a
    """


@audit.command("list")
@click.option(
    "--type", "types", type=click.Choice(FAILURE_TYPES), multiple=True, help="Failures of this type only; repeatable."
)
@click.option(
    "--status",
    "statuses",
    type=click.Choice(ReplayStatus),
    multiple=True,
    help="Failures of this status only; repeatable.",
)
@since_option("48h")
@until_option
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    metavar="N",
    default=20,
    show_default=True,
    help="Maximum number of results.",
)
@click.option("--page", metavar="TOKEN", help="Continue after the last page, with the token that it printed.")
@global_options
def list_failures(
    session: Session,
    types: tuple[str, ...],
    statuses: tuple[ReplayStatus, ...],
    since: datetime,
    until: datetime | None,
    limit: int,
    page: str | None,
) -> int:
    """List failures, newest first.

    Shows the time at which their records expire from the stream.

    \b
    Examples:
      pipectl audit list
      pipectl audit list --status OPEN --since 7d -o json
    """
    from pipectl.commands.audit import audit_list
    from pipectl.failures.audit_table import Selection
    from pipectl.output import audit as output

    check_period(since, until)
    selection = Selection(since, until, types or FAILURE_TYPES, statuses)
    output.page(session.screen, audit_list(session.context, selection, limit=limit, page=page), selection, limit)
    return 0


@audit.command("show")
@click.argument("audit_id", metavar="ID")
@global_options
def show_failure(session: Session, audit_id: str) -> int:
    """Show one failure and its records.

    The records are read from the stream, or from the quarantine when the stream no longer has them.

    \b
    Example:
      pipectl audit show 3f1c8a
    """
    from pipectl.commands.audit import audit_show
    from pipectl.output import audit as output

    output.details(session.screen, audit_show(session.context, audit_id))
    return 0


@audit.command("stats")
@since_option("7d")
@until_option
@global_options
def count_failures(session: Session, since: datetime, until: datetime | None) -> int:
    """Count failures by type, status and day.

    \b
    Example:
      pipectl audit stats --since 30d
    """
    from pipectl.commands.audit import audit_stats
    from pipectl.failures.audit_table import Selection
    from pipectl.output import audit as output

    check_period(since, until)
    output.stats(session.screen, audit_stats(session.context, Selection(since, until)))
    return 0
