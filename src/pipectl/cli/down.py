"""`down`: delete the pipeline's resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipectl.cli.confirming import check_name, confirm_option, has_terminal, name_is_typed, require_terminal
from pipectl.cli.options import global_options, yes_option
from pipectl.errors import DeclinedError, PipectlError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.down import Confirm, DownPreview


@click.command()
@yes_option
@click.option("--delete-data", is_flag=True, help="Delete items, objects and messages too, permanently.")
@click.option("--keep-data", is_flag=True, help="Keep tables, bucket and log groups.")
@click.option("--orphans", is_flag=True, help="Delete only what remains from earlier names in the config.")
@confirm_option()
@global_options
def down(session: Session, yes: bool, delete_data: bool, keep_data: bool, orphans: bool, confirm: str | None) -> int:
    """Delete the pipeline's resources and check that none remain.

    After a change of `team` or of another name in the config, `up` creates new resources, and the old ones remain as
    orphans. --orphans deletes these only.

    \b
    Examples:
      pipectl down
      pipectl down --keep-data --confirm prod
      pipectl down --delete-data
      pipectl down --orphans --keep-data
      pipectl down --orphans --delete-data --confirm dev
      pipectl --local down --yes --delete-data
    """
    session.print_first_words()
    from pipectl.commands.down import down as whole
    from pipectl.commands.down_orphans import down_orphans
    from pipectl.output import down as output

    if delete_data and keep_data:
        raise UsageError("use one of --delete-data and --keep-data")
    check_name(session, confirm)
    session.print_header()
    run = down_orphans if orphans else whole
    try:
        report = run(session.context, _confirm(session, yes, confirm), delete_data=delete_data, keep_data=keep_data)
    except PipectlError as error:
        output.incomplete(session.screen, error)
        raise
    output.result(session.screen, report)
    return 0


def _confirm(session: Session, yes: bool, name: str | None) -> Confirm:
    """Return the function that asks. Data, and a protected environment, are deleted after its name was given.

    ``--yes`` replaces the name where the environment is not protected, because it takes ``--delete-data`` as well. It
    does not for orphans that can be a running pipeline: another config may deploy those of another team, and no `up`
    may have deployed the names of this config.
    """
    from pipectl.output import down as output

    def ask(preview: DownPreview) -> None:
        typed = preview.dangerous
        if name is not None or (yes and not typed):
            return
        session.screen.close()
        output.preview(session.screen, session.context.aws.account_id, session.region, preview)
        if typed:
            require_terminal(session)
        elif not has_terminal():
            raise UsageError("no terminal to confirm on", hint="use --yes")
        by_name = typed or preview.losses
        confirmed = name_is_typed(session) if by_name else click.confirm("Delete these?", err=True)
        if not confirmed:
            raise DeclinedError("Cancelled. Nothing was changed.")

    return ask
