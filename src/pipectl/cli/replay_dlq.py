"""`replay-dlq`: replay failed records."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipectl.cli.exit_codes import PARTLY_DONE
from pipectl.cli.folders import EXISTING_FOLDER, FOLDER
from pipectl.cli.options import (
    MOMENT,
    NOT_EMPTY,
    SINCE_HELP,
    check_period,
    global_options,
    until_option,
    yes_option,
)
from pipectl.errors import UsageError
from pipectl.failures.status import FAILURE_TYPES

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.failures.audit_table import Selection


@click.command("replay-dlq")
@click.option(
    "--type", "types", type=click.Choice(FAILURE_TYPES), multiple=True, help="Failures of this type only; repeatable."
)
@click.option("--since", type=MOMENT, help=f"{SINCE_HELP}  [default: any]")
@until_option
@click.option(
    "--id",
    "ids",
    metavar="ID",
    type=NOT_EMPTY,
    multiple=True,
    help="This failure only; repeatable. `audit list` prints the ids.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Maximum number of failures, oldest first.")
@click.option(
    "--rate", type=click.IntRange(1, 100_000), metavar="N", help="Maximum number of records a second; each try counts."
)
@click.option("--dry-run", is_flag=True, help="Show what would be replayed.")
@yes_option
@click.option("--force", is_flag=True, help="Replace existing objects; with --id, also replay finished failures.")
@click.option("--save", type=FOLDER, metavar="DIR", help="Save the records in DIR instead of replaying them.")
@click.option("--from", "source", type=EXISTING_FOLDER, metavar="DIR", help="Replay the records saved in DIR.")
@global_options
def replay_dlq(
    session: Session,
    types: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    ids: tuple[str, ...],
    limit: int | None,
    rate: int | None,
    dry_run: bool,
    yes: bool,
    force: bool,
    save: Path | None,
    source: Path | None,
) -> int:
    """Replay failed records.

    Before it asks, it shows the failures by cause, where their records are and until when, and whether the processor
    has changed since they failed. Records are read from the stream, or from the quarantine when the stream no longer
    has them. A record that fails again is named with the function's error; the others are still replayed. Exits with 4
    when failures are left.

    \b
    Examples:
      pipectl replay-dlq --dry-run
      pipectl replay-dlq --limit 1
      pipectl replay-dlq --since 24h --rate 50 --yes
      pipectl replay-dlq --id 3f1c8a --force
      pipectl replay-dlq --save saved
    """
    session.screen.step("reading unresolved failures")
    from pipectl.commands import replay_dlq as commands
    from pipectl.failures.audit_table import Selection
    from pipectl.output import replay_dlq as output

    _check(dry_run=dry_run, save=save, source=source, rate=rate)
    check_period(since, until)
    selection = Selection(since, until, types or FAILURE_TYPES, ids=ids, limit=limit)
    again = force and bool(ids)
    session.print_header()
    screen, context = session.screen, session.context
    if dry_run:
        found = commands.preview(context, selection, again=again, source=source)
        output.preview(screen, found)
        return PARTLY_DONE if found.in_flight else 0
    if save:
        saved = commands.save(context, selection, save, again=again)
        output.saved(screen, saved, save)
        return PARTLY_DONE if saved.incomplete or saved.waiting else 0
    return _replay(session, selection, yes=yes, force=force, source=source, rate=rate)


def _check(*, dry_run: bool, save: Path | None, source: Path | None, rate: int | None) -> None:
    """Check that the options do not contradict each other.

    Raises:
        UsageError: two of them do.
    """
    if save and source:
        raise UsageError("use one of --save and --from")
    if rate and (dry_run or save):
        raise UsageError(f"--rate cannot be used with {'--dry-run' if dry_run else '--save'}, which replays nothing")


def _replay(
    session: Session, selection: Selection, *, yes: bool, force: bool, source: Path | None, rate: int | None
) -> int:
    from pipectl.commands import replay_dlq as commands
    from pipectl.output import replay_dlq as output

    screen, again = session.screen, force and bool(selection.ids)
    confirm = session.confirm(output.question, yes, partial(output.before_asking, screen), partial(output.warn, screen))
    report = commands.replay(
        session.context, selection, confirm, again=again, overwrite=force, source=source, rate=rate
    )
    output.result(screen, report)
    return PARTLY_DONE if report.left else 0
