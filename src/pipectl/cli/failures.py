"""The commands that deal with what failed, and show what runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from pipectl.cli.root import main
from pipectl.cli.session import Session, global_options
from pipectl.commands.logs import follow as follow_logs
from pipectl.commands.logs import lines as read_lines
from pipectl.commands.replay_dlq import Preview, Selection
from pipectl.commands.replay_dlq import preview as preview_replay
from pipectl.commands.replay_dlq import replay as run_replay
from pipectl.commands.replay_dlq import save as save_failures
from pipectl.errors import CancelledError, UsageError
from pipectl.failures.model import FAILURE_TYPES
from pipectl.monitoring.health import LOOK_BACK
from pipectl.output import failures as render

FAILURES_LEFT = 4
"""Exit code: partly done; failures are left behind."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""CloudWatch Logs takes no earlier time, and there is nothing earlier to be found."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime]):
    """How long ago (``90s``, ``10m``, ``24h``, ``7d``), or a time in ISO form, UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            return max(_moment(text), _BEGINNING)
        except ValueError:
            self.fail(f"{text!r} is neither a time ago (10m, 24h, 7d) nor an ISO time (2026-01-31T12:00)", param, ctx)
        except OverflowError:
            self.fail(f"{text!r} is beyond the years 1 to 9999", param, ctx)


def _moment(text: str) -> datetime:
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


MOMENT = Moment()


@main.command()
@click.argument("function", required=False, type=click.Choice(["processor", "auditor"]))
@click.option("--since", type=MOMENT, default="10m", show_default=True, help="From when on.")
@click.option("--until", type=MOMENT, help="Up to when.")
@click.option("--filter", "pattern", metavar="P", help="Only what matches a CloudWatch Logs filter pattern.")
@click.option("-f", "--follow", is_flag=True, help="Go on showing what is written, until Ctrl-C.")
@global_options
def logs(
    session: Session, function: str | None, since: datetime, until: datetime | None, pattern: str | None, follow: bool
) -> int:
    """Show what the functions wrote.

    Of both, unless one is named.
    """
    functions = [function] if function else ["processor", "auditor"]
    if not follow:
        render.log_lines(session.screen, read_lines(session.context, functions, since, until, pattern))
        return 0
    if session.screen.json_output or until:
        raise UsageError("--follow goes neither with -o json nor with --until", hint="leave --follow out")
    try:
        for line in follow_logs(session.context, functions, since, pattern):
            render.log_line(session.screen, line)
    except KeyboardInterrupt:
        return CancelledError.exit_code  # that is how one ends it, and nothing to tell
    return 0


@main.command("replay-dlq")
@click.option("--type", "types", type=click.Choice(FAILURE_TYPES), multiple=True, help="Only failures of this type.")
@click.option("--since", type=MOMENT, help="Only failures since then.  [default: 48h]")
@click.option("--until", type=MOMENT, help="Only failures until then.")
@click.option("--id", "ids", metavar="ID", multiple=True, help="Only this failure; as `audit list` names it.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many failures.")
@click.option("--dry-run", is_flag=True, help="Only show what would be replayed.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Replace objects that are there; with --id, replay what is done, too.")
@click.option(
    "--save", type=click.Path(file_okay=False, path_type=Path), help="Keep the records in DIR; replay nothing."
)
@click.option(
    "--from", "source", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Take the records from DIR."
)
@global_options
def replay_dlq(
    session: Session,
    types: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    ids: tuple[str, ...],
    limit: int | None,
    dry_run: bool,
    yes: bool,
    force: bool,
    save: Path | None,
    source: Path | None,
) -> int:
    """Process again what failed for good.

    Records come from the stream, and from the quarantine where the stream has forgotten them. A record that still fails
    is named with the function's own error, and keeps none of its neighbours from getting through. Exits with 4 when
    failures are left behind.
    """
    if save and source:
        raise UsageError("--save and --from exclude each other", hint="leave one of them out")
    now = datetime.now(UTC)
    selection = Selection(
        since=since or now - LOOK_BACK,
        until=until or now,
        types=types or FAILURE_TYPES,
        ids=ids,
        limit=limit,
        again=force and bool(ids),
    )
    screen, context = session.screen, session.context
    if dry_run:
        render.preview(screen, preview_replay(context, selection))
        return 0
    if save:
        saved = save_failures(context, selection, save)
        render.saved(screen, saved, save)
        return FAILURES_LEFT if saved.incomplete else 0
    confirm = session.confirm("Replay these?", yes, partial(render.preview_before_asking, screen))

    def confirm_or_warn(found: Preview) -> None:
        if yes:
            render.warn_of_alarm(screen)
        confirm(found)

    report = run_replay(context, selection, confirm_or_warn, overwrite=force, source=source)
    render.replayed(screen, report)
    return FAILURES_LEFT if report.left else 0
