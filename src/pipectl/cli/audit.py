"""`audit`: list, show, count and resolve failures."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import (
    MOMENT,
    NOT_EMPTY,
    SINCE_HELP,
    check_period,
    global_options,
    since_option,
    until_option,
    user_name,
    yes_option,
)
from pipectl.errors import UsageError
from pipectl.failures.status import FAILURE_TYPES, UNRESOLVED, ReplayStatus

if TYPE_CHECKING:
    from pipectl.cli.session import Session

_LONGEST_REASON = 1000
_RECENT = timedelta(hours=48)
"""Age of the oldest failure that is listed by default when not only unresolved ones are asked for."""


@click.group()
def audit() -> None:
    """List, show, count and resolve failures.

    \b
    Examples:
      pipectl audit list
      pipectl audit show o-058
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
@click.option("--since", type=MOMENT, help=SINCE_HELP)
@until_option
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Maximum number of results. Orders and reasons of up to 200 records are read.  [default: 10; 20 with -o json]",
)
@click.option("--page", metavar="TOKEN", help="Continue after the last page, with the token that it printed.")
@global_options
def list_failures(
    session: Session,
    types: tuple[str, ...],
    statuses: tuple[ReplayStatus, ...],
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    page: str | None,
) -> int:
    """List failures with their orders and reasons, newest first.

    Shows whether the records are safe in the quarantine, or only in the stream and until when.

    Without --since and --status, all unresolved failures are listed, of any age. With --status REPLAYED, EXPIRED or
    RESOLVED, --since is 48h by default.

    \b
    Examples:
      pipectl audit list
      pipectl audit list --status REPLAYED --since 7d
      pipectl audit list -o json
    """
    from pipectl.commands.audit import audit_list
    from pipectl.failures.audit_table import Selection
    from pipectl.output import audit as output

    check_period(since, until)
    limit = limit or (20 if session.screen.json_output else 10)  # with the causes, ten fit a terminal of 24 lines
    if since is None:
        statuses = statuses or UNRESOLVED
        since = None if set(statuses) <= set(UNRESOLVED) else session.context.aws.now() - _RECENT
    selection = Selection(since, until, types or FAILURE_TYPES, statuses)
    output.page(session.screen, audit_list(session.context, selection, limit=limit, page=page), selection, limit)
    return 0


@audit.command("show")
@click.argument("name", metavar="ID|KEY", type=NOT_EMPTY)
@click.option("--full", is_flag=True, help="Show the whole audit item and all records, too.")
@global_options
def show_failure(session: Session, name: str, full: bool) -> int:
    """Show one failure, or all failures of an order.

    ID is a failure's id or the beginning of it, KEY the key of an order. Shows the order, the reason, lines of the
    processor's log, the tries, where the record is safe, and what to run.

    \b
    Examples:
      pipectl audit show e767182
      pipectl audit show o-058
      pipectl audit show e767182 --full
    """
    from pipectl.commands.audit import audit_show
    from pipectl.output import audit_show as output

    found = audit_show(session.context, name, full=full or session.screen.json_output)
    output.details(session.screen, found, full=full)
    return 0


@audit.command("stats")
@since_option("7d")
@until_option
@global_options
def count_failures(session: Session, since: datetime, until: datetime | None) -> int:
    """Count failures by hour or day, status, type and cause.

    Counts by hour in a period of up to 48 hours, by day in a longer one. Causes are those of the newest 200 failures.

    \b
    Examples:
      pipectl audit stats --since 24h
      pipectl audit stats --since 30d
    """
    from pipectl.commands.audit_stats import audit_stats
    from pipectl.output import audit_stats as output

    check_period(since, until)
    output.result(session.screen, audit_stats(session.context, since, until))
    return 0


@audit.command("resolve")
@click.argument("name", metavar="ID|KEY", type=NOT_EMPTY)
@click.option("--reason", metavar="TEXT", help="The reason, stored with the failure; 1,000 characters at most.")
@click.option("--undo", is_flag=True, help="Make a resolved failure unresolved again.")
@yes_option
@global_options
def resolve_failure(session: Session, name: str, reason: str | None, undo: bool, yes: bool) -> int:
    """Close a failure that needs no replay, or can never be replayed.

    ID is a failure's id or the beginning of it, KEY the key of an order that has one unresolved failure.

    The failure gets the status RESOLVED, with your name, the time and the reason. `status` and `down` no longer count
    it, and `replay-dlq` leaves it alone, except with --force --id ID.

    \b
    Examples:
      pipectl audit resolve e767182 --reason "test data, not needed"
      pipectl audit resolve o-058 --reason "corrected in the table"
      pipectl audit resolve e767182 --undo
    """
    from pipectl.commands.audit_resolve import audit_resolve, audit_undo
    from pipectl.output import audit as output
    from pipectl.output.audit_show import before_asking

    text = _checked_reason(reason, undo=undo)
    session.print_header()
    question = f"{'Undo the resolution of' if undo else 'Resolve'} {name}?"
    confirm = session.confirm(question, yes, partial(before_asking, session.screen))
    if undo:
        found = audit_undo(session.context, name, confirm)
    else:
        found = audit_resolve(session.context, name, user_name(), text, confirm)
    output.resolved(session.screen, found)
    return 0


def _checked_reason(reason: str | None, *, undo: bool) -> str:
    """Return the reason without blanks around it; empty for ``--undo``.

    Raises:
        UsageError: it is missing or too long, or given with ``--undo``.
    """
    if undo:
        if reason is not None:
            raise UsageError("--undo takes no --reason")
        return ""
    text = (reason or "").strip()
    if not text:
        raise UsageError("a failure is resolved with a reason", hint="use --reason TEXT")
    if len(text) > _LONGEST_REASON:
        raise UsageError(f"the reason has {len(text):,} characters; {_LONGEST_REASON:,} are allowed")
    return text
