"""The commands that look into what happened, and hold the pipeline still."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from functools import partial

import click

from pipectl.cli.failures import FAILURES_LEFT, MOMENT
from pipectl.cli.root import main
from pipectl.cli.session import Session, global_options
from pipectl.commands.audit import audit_list, audit_show, audit_stats
from pipectl.commands.pause import pause as run_pause
from pipectl.commands.pause import resume as run_resume
from pipectl.commands.trace import trace as run_trace
from pipectl.commands.verify import verify as run_verify
from pipectl.failures.listing import Wanted
from pipectl.failures.model import FAILURE_TYPES, ReplayStatus
from pipectl.output import operate as render


@main.group()
def audit() -> None:
    """Find, show and count failures. Changes nothing."""


@audit.command("list")
@click.option("--type", "types", type=click.Choice(FAILURE_TYPES), multiple=True, help="Only failures of this type.")
@click.option("--status", "statuses", type=click.Choice(ReplayStatus), multiple=True, help="Only with this status.")
@click.option("--since", type=MOMENT, default="48h", show_default=True, help="From when on.")
@click.option("--until", type=MOMENT, help="Up to when.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), metavar="N", default=20, show_default=True, help="At most so many."
)
@click.option("--page", metavar="TOKEN", help="Go on where the last list ended; it names the token.")
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
    """List failures, the newest first.

    Each is shown with the time at which the stream forgets its records.
    """
    wanted = Wanted(since, until or datetime.now(UTC), types or FAILURE_TYPES, statuses)
    render.audit_page(session.screen, audit_list(session.context, wanted, limit=limit, page=page))
    return 0


@audit.command("show")
@click.argument("audit_id", metavar="ID")
@global_options
def show_failure(session: Session, audit_id: str) -> int:
    """Show everything about one failure.

    Its records are read back from the stream, or from the quarantine.
    """
    render.audit_details(session.screen, audit_show(session.context, audit_id))
    return 0


@audit.command("stats")
@click.option("--since", type=MOMENT, default="7d", show_default=True, help="From when on.")
@click.option("--until", type=MOMENT, help="Up to when.")
@global_options
def count_failures(session: Session, since: datetime, until: datetime | None) -> int:
    """Count failures by type, status and day."""
    render.audit_counts(session.screen, audit_stats(session.context, Wanted(since, until or datetime.now(UTC))))
    return 0


@main.command()
@click.option("--since", type=MOMENT, default="24h", show_default=True, help="Records from then on.")
@click.option("--repair", is_flag=True, help="Process what is lost.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before a repair.")
@global_options
def verify(session: Session, since: datetime, repair: bool, yes: bool) -> int:
    """Find records that have neither object nor failure.

    That is what was dropped in silence: by a permission that was missing when a failure should have been told, or by a
    mapping that was replaced without care. Exits with 4 when something is lost and not repaired.
    """
    confirm = session.confirm("Process what is lost?", yes, partial(render.lost_before_asking, session.screen))
    report = run_verify(session.context, since, repair=repair, confirm=confirm)
    render.verified(session.screen, report)
    return 0 if report.ok else FAILURES_LEFT


@main.command()
@click.argument("key")
@global_options
def trace(session: Session, key: str) -> int:
    """Follow one order, and say where it is stuck.

    KEY is the value of its partition key. Shown are the item now, its versions in the stream, its objects and its
    failures, in order of time.
    """
    render.traced(session.screen, run_trace(session.context, key))
    return 0


@main.command()
@click.option("--by", metavar="WHO", default=getpass.getuser, help="Who pauses it.  [default: your user name]")
@global_options
def pause(session: Session, by: str) -> int:
    """Let records wait in the stream.

    The stream forgets them after 24 hours. A tag says since when and by whom; `up` leaves a pause alone.
    """
    render.paused(session.screen, run_pause(session.context, by))
    return 0


@main.command()
@global_options
def resume(session: Session) -> int:
    """Go on where the pause began.

    Nothing is missed, and nothing is done twice.
    """
    render.resumed(session.screen, run_resume(session.context))
    return 0
