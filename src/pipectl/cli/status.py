"""`status`: show the verdict, what is wrong, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pipectl.cli.exit_codes import CHANGES_PENDING
from pipectl.cli.options import global_options
from pipectl.errors import AwsError, CancelledError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.clock import Clock
    from pipectl.commands.status import StatusReport
    from pipectl.output.redraw import Redraw

_SECONDS = 5
Show = Callable[["StatusReport", "AwsError | None"], None]


@click.command()
@click.option("--all", "every", is_flag=True, help="List the resources that are in sync, too.")
@click.option("--brief", is_flag=True, help="Print one line.")
@click.option(
    "--watch",
    metavar="[SECONDS]",
    is_flag=False,
    flag_value=_SECONDS,
    type=click.IntRange(1, 3600),
    help="Repeat the report every 5 seconds, or SECONDS, until Ctrl-C.",
)
@click.option(
    "--exit-code", is_flag=True, help="Exit with 3 when a resource is not in sync or the pipeline is not healthy."
)
@global_options
def status(session: Session, every: bool, brief: bool, watch: int | None, exit_code: bool) -> int:
    """Show whether the pipeline is healthy, and what is wrong.

    Each problem has the command that helps. The first line is the verdict: healthy, unknown, degraded or failing.
    Unknown is not healthy. Errors from before the last deployment or rollback do not count. Resources are listed when
    they differ from the config, or with --all. With -o json, --watch prints a document a line.

    \b
    Examples:
      pipectl status
      pipectl status --watch
      pipectl status --all
      pipectl status --exit-code -o json
    """
    from pipectl.commands.status import status as run
    from pipectl.orphans import OrphanSearch
    from pipectl.output import config
    from pipectl.output import status as output
    from pipectl.output.status_document import document

    _check(every=every, brief=brief, watch=watch is not None, exit_code=exit_code)
    screen, local = session.screen, bool(session.options.local)
    session.print_header(passing=True)

    def show(report: StatusReport, problem: AwsError | None = None) -> None:
        if screen.json_output and watch is not None:
            screen.json_line(document(screen, report))
        elif brief:
            output.brief(screen, report, local=local)
        else:
            output.result(screen, report, every=every, local=local)
            if watch is not None:
                output.watched(screen, report, watch, problem)

    if watch is not None:
        search = OrphanSearch(session.context)
        return repeat(session.clock, watch, lambda: run(session.context, search), show, screen.redraw(gap=not brief))
    report = run(session.context)
    show(report)
    config.ending_runtimes(screen, session.config, session.today)
    return CHANGES_PENDING if exit_code and not report.healthy else 0


def _check(*, every: bool, brief: bool, watch: bool, exit_code: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: two options contradict each other.
    """
    if every and brief:
        raise UsageError("use one of --all and --brief")
    if watch and exit_code:
        raise UsageError("use one of --watch and --exit-code")


def repeat(clock: Clock, seconds: int, read: Callable[[], StatusReport], show: Show, redraw: Redraw) -> int:
    """Show a report again and again until Ctrl-C, which is the normal end.

    The first error ends the command. Later ones may pass, so the last report stays, with the error.
    """
    try:
        report, problem = read(), None
        with redraw:
            while True:
                redraw.show(lambda: show(report, problem))  # noqa: B023 - called at once
                clock.sleep(seconds)
                try:
                    report, problem = read(), None
                except AwsError as error:
                    problem = error
    except (KeyboardInterrupt, CancelledError):
        return CancelledError.exit_code
