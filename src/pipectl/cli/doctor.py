"""`doctor`: check the machine, the config, the credentials, AWS and the local emulator."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipectl.cli.confirming import confirm_option, confirm_protected
from pipectl.cli.exit_codes import PARTLY_DONE
from pipectl.cli.options import global_options, yes_option
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option(
    "--capture",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Send one throwaway order, and record AWS's answers, redacted.",
)
@confirm_option("Environment name, to capture in a protected environment.")
@yes_option
@global_options
def doctor(session: Session, file: Path | None, confirm: str | None, yes: bool) -> int:
    """Check credentials, permissions, clock, emulator and versions.

    Each check is ok, a warning or a problem, and has a hint. It reads only, and works without credentials and without a
    config. Exits with 1 when there is a problem.

    With --capture it also writes one order to the pipeline, waits for its object, reads everything that the commands
    read, deletes both, and writes each form of AWS's answers to FILE. Names, ids, credentials and data are replaced by
    placeholders. Exits with 4 when something could not be read or deleted.

    \b
    Examples:
      pipectl doctor
      pipectl --profile prod -c config/prod.yaml doctor
      pipectl doctor --capture answers.json
    """
    if file:
        return _capture(session, file, confirm, yes)
    if confirm or yes:
        raise UsageError("--confirm and --yes need --capture")
    from pipectl.commands.doctor import TIMEOUT, Setup
    from pipectl.commands.doctor import doctor as run
    from pipectl.output import doctor as output

    setup = Setup(
        file=session.config_file.path,
        config=lambda: session.config,
        region=session.region_with,
        is_local=bool(session.options.local),
        connect=lambda region: session.aws(session.options.endpoint_url, region=region, timeout=TIMEOUT),
        connect_local=partial(session.emulator_aws, timeout=TIMEOUT),
    )
    now = session.clock.now()
    diagnosis = run(setup, now, session.cancel)
    output.result(session.screen, diagnosis, now)
    return 0 if diagnosis.ok else 1


def _capture(session: Session, file: Path, confirm: str | None, yes: bool) -> int:
    from pipectl.commands.capture import CapturePreview, capture
    from pipectl.output import capture as output

    session.print_header()
    confirm_protected(session, confirm, "An order is written to its table and processed, then deleted.")

    def show(preview: CapturePreview) -> None:
        output.before_asking(session.screen, preview)

    report = capture(session.context, file, session.confirm("Send this order?", yes or confirm is not None, show))
    output.result(session.screen, report)
    return 0 if report.complete else PARTLY_DONE
