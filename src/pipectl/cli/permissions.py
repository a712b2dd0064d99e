"""`permissions`: print the IAM policies of the functions and of the people who run pipectl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.options import global_options_of

if TYPE_CHECKING:
    from pipectl.cli.session import Session

POLICIES = ("processor", "auditor", "reader", "on-call", "developer", "deployer", "capture")
"""The names of `pipectl.iam.policies.POLICIES`, written out so that `--help` does not import it."""


@click.command()
@click.argument("policy", required=False, type=click.Choice(POLICIES), metavar="[POLICY]")
@global_options_of("permissions")
def permissions(session: Session, policy: str | None) -> int:
    """Print IAM policies, with the names of this config and account.

    Without an argument, the policies are listed. Those of processor and auditor are written to the functions' roles
    by `up`. Those of reader, on-call, developer and deployer are for the people who run pipectl, and that of capture
    for `pipectl doctor --capture FILE`. With account_id in the config, no credentials are needed.

    \b
    Examples:
      pipectl permissions
      pipectl permissions deployer > deployer.json
    """
    from pipectl.commands.permissions import permissions as run
    from pipectl.output import permissions as output

    published = run(session.config, session.aws(session.options.endpoint_url))
    if policy:
        output.document(session.screen, published, policy)
    else:
        output.listing(session.screen, published)
    return 0
