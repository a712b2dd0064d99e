"""`report`: write a report of the pipeline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options, since_option
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session

FILE = click.Path(path_type=Path)
_STDOUT = Path("-")


@click.command()
@click.option("--html", "file", type=FILE, metavar="FILE", help="Write the page to this file; - is stdout.")
@since_option("48h")
@global_options
def report(session: Session, file: Path | None, since: datetime) -> int:
    """Write a report of the pipeline as one HTML page.

    The page has the pipeline as a picture, its health, its failures by cause and time, the failures that are
    unresolved, differences from the config, and the policies in words. It needs no network and has no script.

    \b
    Examples:
      pipectl report --html report.html
      pipectl report --html report.html --since 7d
      pipectl report --html - > report.html
    """
    from pipectl.commands.report import report as run
    from pipectl.commands.report import require_writable, write
    from pipectl.output import report as output

    if file is None:
        raise UsageError("name the file of the page", hint="use --html report.html")
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
