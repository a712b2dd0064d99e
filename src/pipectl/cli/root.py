"""The group that all commands hang on."""

from __future__ import annotations

from typing import Any

import click

from pipectl import __version__
from pipectl.cli.session import Globals, options_before_the_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipectl")
@options_before_the_command
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Provision and operate a resilient event-driven pipeline on AWS.

    A table's stream drives a function that stores each record as JSON in a bucket; what fails for good is audited and
    can be replayed. No stack, no state file: the config says what should be, AWS says what is.
    """
    context.obj = Globals(**options)
