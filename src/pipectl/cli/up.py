"""`up`: create missing resources and repair differences."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

import click

from pipectl.cli.options import PlanId, global_options, yes_option
from pipectl.cli.plan import adopt_option, allow_stream_replacement_option, begin, code_option, show_plan
from pipectl.errors import PipectlError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.plan import Confirm


@click.command()
@yes_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, as `plan` does.")
@click.option("--plan", "reviewed", type=PlanId(), help="Make exactly the changes of this plan, without a question.")
@code_option
@adopt_option
@allow_stream_replacement_option
@global_options
def up(
    session: Session,
    yes: bool,
    dry_run: bool,
    reviewed: str | None,
    code: bool,
    adopt: Collection[str],
    allow_stream_replacement: bool,
) -> int:
    """Create missing resources and repair differences.

    Without --yes and --plan, the changes are shown first, as `plan` shows them, and a question follows.

    \b
    Examples:
      pipectl up
      pipectl up --code
      pipectl up --plan 3f2a91c07b4e
      pipectl -c config/prod.yaml up --yes
      pipectl --local up --dry-run
      pipectl up --adopt bucket --adopt dead-letter-queue
      pipectl up --adopt all
      pipectl up --allow-stream-replacement
    """
    session.print_first_words()
    from pipectl.commands.up import up as run
    from pipectl.output import up as output

    if dry_run and reviewed:
        raise UsageError("use one of --plan and --dry-run")
    if dry_run:
        return show_plan(session, adopt, allow_stream_replacement, code=code)
    if session.markdown:
        session.refuse_markdown()
    begin(session)
    try:
        report = run(
            session.context,
            _confirm(session, yes, code),
            adopt=adopt,
            allow_stream_replacement=allow_stream_replacement,
            details=not yes and reviewed is None,
            reviewed=reviewed,
        )
    except PipectlError as error:
        output.incomplete(session.screen, error, code=code)
        raise
    output.result(session.screen, report)
    return 0


def _confirm(session: Session, yes: bool, code: bool) -> Confirm:
    """Return the function that shows the plan and asks."""
    from pipectl.output import changes

    show = partial(changes.before_asking, session.screen, code=code)
    return session.confirm("Make these changes?", yes, show, partial(changes.notes, session.screen))
