"""`outputs`: print names, ARNs and URLs of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option("--env", is_flag=True, help="Print shell commands: export ORDERS_TABLE_NAME=...")
@global_options
def outputs(session: Session, env: bool) -> int:
    """Print names, ARNs and URLs of the pipeline.

    \b
    Variables for programs in the shell:
      sh, bash, zsh:  eval "$(pipectl outputs --env)"
      fish:           pipectl outputs --env | source

    \b
    Examples:
      pipectl outputs
      pipectl outputs -o json
      pipectl outputs --env
    """
    from pipectl.commands.outputs import outputs as run
    from pipectl.output import outputs as output

    if env and session.screen.json_output:
        raise UsageError("use one of --env and -o json")
    output.result(session.screen, run(session.context), env=env)
    return 0
