"""`local`: start, stop and inspect the local emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options_of

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.group()
def local() -> None:
    """Start, stop and inspect the local emulator.

    \b
    Examples:
      pipectl local start
      pipectl local status
    """


@local.command()
@global_options_of("local start")
def start(session: Session) -> int:
    """Start the local emulator.

    Every command with --local starts it, too.

    \b
    Example:
      pipectl local start
    """
    from pipectl.commands import local as commands
    from pipectl.output import local as output

    running = commands.start()
    output.status(session.screen, running, commands.languages(running))
    return 0


@local.command()
@global_options_of("local stop")
def stop(session: Session) -> int:
    """Stop the local emulator and delete its contents.

    \b
    Example:
      pipectl local stop
    """
    from pipectl.commands import local as commands
    from pipectl.output import local as output

    output.stopped(session.screen, commands.stop())
    return 0


@local.command()
@click.option("--env", is_flag=True, help="Print shell commands that set address and credentials for AWS SDKs.")
@global_options_of("local status")
def status(session: Session, env: bool) -> int:
    """Show whether the local emulator is running, and its address.

    \b
    Address and credentials for AWS SDKs in the shell:
      sh, bash, zsh:  eval "$(pipectl local status --env)"
      fish:           pipectl local status --env | source

    \b
    Examples:
      pipectl local status
      pipectl local status --env
    """
    from pipectl.commands import local as commands
    from pipectl.output import local as output

    if env:
        output.environment(session.screen, commands.environment())
    else:
        running = commands.status()
        output.status(session.screen, running, commands.languages(running) if running else {})
    return 0
