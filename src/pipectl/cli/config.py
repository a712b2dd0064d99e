"""`config`: check and print the config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options_of

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.group()
def config() -> None:
    """Check and print the config file.

    \b
    Example:
      pipectl config check
    """


@config.command()
@global_options_of("config check")
def check(session: Session) -> int:
    """Check the config and the handlers' folders.

    \b
    Examples:
      pipectl config check
      pipectl -c config/prod.yaml config check
    """
    from pipectl.commands import config as commands
    from pipectl.output import config as output
    from pipectl.packaging.dependencies.tools import Tools

    checked = commands.check(session.config, session.file, Tools(install=False))
    output.ending_runtimes(session.screen, session.config, session.today)
    output.package_warnings(session.screen, {key: package.warnings for key, package in checked.items()})
    output.checked(session.screen, session.layers.files, checked)
    return 0


@config.command()
@global_options_of("config show")
def show(session: Session) -> int:
    """Print the config with every default filled in.

    When it extends others, the file and line of each value that is no default is a comment.

    \b
    Examples:
      pipectl config show -o json
      pipectl -c config/prod.yaml config show
    """
    from pipectl.commands import config as commands
    from pipectl.output import config as output

    shown = commands.show(session.config)
    output.shown(session.screen, shown, session.layers.places if len(session.layers.files) > 1 else {})
    return 0


@config.command()
@global_options_of("config schema")
def schema(session: Session) -> int:
    """Print the JSON Schema of the config, for editors.

    \b
    Example:
      pipectl config schema > config/schema.json
    """
    from pipectl.commands import config as commands

    session.screen.json(commands.schema())
    return 0
