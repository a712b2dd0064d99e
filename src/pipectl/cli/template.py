"""`template`: print the pipeline as a CloudFormation template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipectl.cli.folders import FOLDER
from pipectl.cli.options import global_options_of

if TYPE_CHECKING:
    from pipectl.cli.session import Session


@click.command()
@click.option("--package", type=FOLDER, metavar="DIR", help="Write the functions' packages to this folder.")
@global_options_of("template")
def template(session: Session, package: Path | None) -> int:
    """Print the pipeline as a CloudFormation template.

    For reviews, scanners of templates, and accounts in which only CloudFormation creates resources. The template has
    the names of this config and account. It takes the functions' code from the bucket in its parameter CodeBucket. With
    account_id in the config, no credentials are needed.

    The stack manages its resources: their tag ManagedBy is CloudFormation, and `up` changes them only with --adopt all.

    \b
    To deploy the template and the packages in the folder `build`:
      aws s3 cp --recursive build s3://BUCKET/
      aws cloudformation deploy --template-file pipeline.yaml \\
        --stack-name orders --capabilities CAPABILITY_NAMED_IAM \\
        --parameter-overrides CodeBucket=BUCKET

    \b
    Examples:
      pipectl template > pipeline.yaml
      pipectl template --package build > pipeline.yaml
    """
    from pipectl.commands.template import create
    from pipectl.output import config
    from pipectl.output import template as output

    session.print_first_words()
    config.ending_runtimes(session.screen, session.config, session.today)
    aws = session.aws(session.options.endpoint_url)
    created = create(session.config, session.file, aws, package, session.screen.progress.work)
    config.package_warnings(session.screen, created.warnings)
    output.result(session.screen, created)
    return 0
