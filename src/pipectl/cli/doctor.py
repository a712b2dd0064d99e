"""`doctor`: check the machine, the config, the credentials, AWS and the local emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@global_options
def doctor(session: Session) -> int:
    """Check credentials, permissions, clock, emulator and versions.

    Each check is ok, a warning or a problem, and has a hint. It reads only, and works without credentials and without a
    config. Exits with 1 when there is a problem.

    \b
    Examples:
      pipectl doctor
      pipectl --profile prod -c config/prod.yaml doctor
    """
    from pipectl.aws.client import Aws, Credentials
    from pipectl.commands.doctor import TIMEOUT, Setup
    from pipectl.commands.doctor import doctor as run
    from pipectl.local.home import LocalEmulator
    from pipectl.output import doctor as output

    def connect_local(running: LocalEmulator, region: str) -> Aws:
        credentials = Credentials(**running.credentials())
        return session.aws(running.endpoint_url, credentials, region=region, timeout=TIMEOUT)

    setup = Setup(
        file=session.file,
        config=lambda: session.config,
        region=session.region_with,
        is_local=bool(session.options.local),
        connect=lambda region: session.aws(session.options.endpoint_url, region=region, timeout=TIMEOUT),
        connect_local=connect_local,
    )
    now = session.clock.now()
    diagnosis = run(setup, now, session.cancel)
    output.result(session.screen, diagnosis, now)
    return 0 if diagnosis.ok else 1
