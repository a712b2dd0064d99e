"""`demo`: demonstrate the pipeline on a temporary local emulator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from pipectl import scaffold
from pipectl.cli.config_file import Origin
from pipectl.cli.options import global_options_of
from pipectl.config.runtimes import supported

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option(
    "--orders", type=click.IntRange(2, 1000), metavar="N", default=20, show_default=True, help="Orders to send."
)
@click.option(
    "--runtime",
    type=click.Choice(supported()),
    metavar="RUNTIME",
    help="Runtime of both functions.  [default: the config's]",
)
@global_options_of("demo")
def demo(session: Session, orders: int, runtime: str | None) -> int:
    """Demonstrate the pipeline on a temporary local emulator.

    Without a config, it demonstrates the one that `pipectl init` writes.

    \b
    Examples:
      pipectl demo
      pipectl demo --orders 100 --runtime python3.14
    """
    session.screen.step("starting a temporary local emulator")
    from pipectl.commands.demo import demo as run
    from pipectl.local.home import REGION
    from pipectl.output import demo as output

    _use_carried_config(session)
    config = session.config.running_in(runtime) if runtime else session.config
    progress = output.Progress(session.screen, orders)
    report = run(
        config,
        session.file,
        partial(session.emulator_aws, region=config.region or REGION),
        session.screen.progress,
        progress,
        orders=orders,
        cancel=session.cancel,
    )
    output.result(session.screen, report, carried=session.file == scaffold.config())
    return 0


def _use_carried_config(session: Session) -> None:
    """Use the config that pipectl carries where there is none, so that `demo` works in an empty folder."""
    if session.config_file.origin is Origin.NONE and not session.config_file.choices:
        session.file = scaffold.config()
