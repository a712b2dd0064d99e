"""`report`: write a report of the pipeline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pipectl.cli.options import global_options, since_option
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session

FILE = click.Path(path_type=Path)
_STDOUT = Path("-")


@click.command()
@click.option("--html", "file", type=FILE, metavar="FILE", help="Write the page to this file; - is stdout.")
@click.option("--mermaid", is_flag=True, help="Print the pipeline as a picture for a README, in Mermaid.")
@since_option("48h")
@global_options
def report(session: Session, file: Path | None, mermaid: bool, since: datetime) -> int:
    """Write a report as one HTML page, or the pipeline as a picture.

    The page has the pipeline as a picture, its health, its failures by cause and time, the failures that are
    unresolved, differences from the config, and the policies in words. It needs no network and has no script.

    The picture has the physical names, and with the name of the bucket the account's id. GitHub and GitLab draw it from
    a code block of the language mermaid. With account_id in the config, no credentials are needed.

    \b
    Examples:
      pipectl report --html report.html
      pipectl report --html report.html --since 7d
      pipectl report --html - > report.html
      pipectl report --mermaid
    """
    if mermaid:
        return _print_picture(session, file)
    from pipectl.commands.report import report as run
    from pipectl.commands.report import require_writable, write
    from pipectl.output import report as output

    if file is None:
        raise UsageError("name the result", hint="use --html report.html, or --mermaid")
    screen, to_stdout = session.screen, file == _STDOUT
    if to_stdout and screen.json_output:
        raise UsageError("use one of --html - and -o json")
    if not to_stdout:
        require_writable(file)
    session.print_header()
    found = run(session.context, since)
    page = output.page(screen, found)
    if to_stdout:
        output.print_page(screen, page)
        return 0
    write(file, page)
    output.result(screen, found, file)
    return 0


def _print_picture(session: Session, file: Path | None) -> int:
    """Print the picture of the pipeline. AWS is asked for the account only where the config has no account_id."""
    from pipectl.config.physical import PhysicalNames
    from pipectl.output import report_picture as output

    if file is not None:
        raise UsageError("use one of --mermaid and --html")
    if click.get_current_context().get_parameter_source("since") is not ParameterSource.DEFAULT:
        raise UsageError("use one of --mermaid and --since")
    session.print_first_words()
    names = PhysicalNames.in_account(session.config, session.account_for_names())
    output.result(session.screen, session.config, names)
    return 0
