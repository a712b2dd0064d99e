"""`list`: list the pipelines of the account and region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options
from pipectl.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from pipectl.aws.client import Aws
    from pipectl.cli.session import Session
    from pipectl.config.models import Config
    from pipectl.context import Context


@click.command()
@global_options
def list(session: Session) -> int:  # noqa: A001 - the name of the command
    """List the pipelines of the account and region.

    Pipelines are found by the tags of their resources, in AWS's tag index. CONFIG is the config file that describes a
    pipeline: the one of the command, or a YAML file beside it. No config is needed where the region is known.
    ORPHANS are resources of the pipeline whose names the config does not have, because a name was changed.

    \b
    Examples:
      pipectl list
      pipectl --local list
      pipectl -c config/prod.yaml list
      pipectl --profile prod --region eu-west-1 list
      pipectl -o json list
    """
    from pipectl.commands.list import list_pipelines, read_configs
    from pipectl.output import list as output

    file = session.config_file.path
    configs = read_configs(file)
    aws = _aws(session, configs.valid.get(file))
    local = bool(session.options.local)

    def context_of(file: Path, config: Config) -> Context:
        return session.context_of(config, file, aws)

    report = list_pipelines(aws, file, configs, context_of, local=local)
    output.header(session.screen, report, local=local)
    output.result(session.screen, report)
    return 0


def _aws(session: Session, config: Config | None) -> Aws:
    """Return AWS in the region of the options, of the config if it is valid, or of the environment."""
    found = session.config_file
    if found.named and not found.path.exists():
        session.config  # noqa: B018 - it raises the error
    if session.options.local:
        from pipectl.commands.local import start

        return session.emulator_aws(start(), session.region_with(config))
    try:
        region = session.region_with(config)
    except UsageError:
        if config is None and (found.path.exists() or found.choices):
            session.config  # noqa: B018 - its errors are the reason
        raise
    return session.aws(session.options.endpoint_url, region=region)
