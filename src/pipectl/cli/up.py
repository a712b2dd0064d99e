"""`up`: create missing resources and repair differences."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

import click

from pipectl.cli.confirming import confirm_option, confirm_protected
from pipectl.cli.options import PlanId, global_options_of, yes_option
from pipectl.cli.plan import adopt_option, allow_stream_replacement_option, begin, code_option, show_plan
from pipectl.cli.up_watch import up_and_watch
from pipectl.errors import PipectlError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.commands.plan import Confirm
    from pipectl.commands.up import UpReport


@click.command()
@yes_option
@click.option("--dry-run", is_flag=True, help="Show what would be done, as `plan` does.")
@click.option("--plan", "reviewed", type=PlanId(), help="Make exactly the changes of this plan, without a question.")
@click.option("--watch", is_flag=True, help="Afterwards deploy each change of the config and the code, until Ctrl-C.")
@confirm_option("Environment name, for --watch and --allow-stream-replacement in a protected environment.")
@code_option
@adopt_option
@allow_stream_replacement_option
@global_options_of("up")
def up(
    session: Session,
    yes: bool,
    dry_run: bool,
    reviewed: str | None,
    watch: bool,
    confirm: str | None,
    code: bool,
    adopt: Collection[str],
    allow_stream_replacement: bool,
) -> int:
    """Create missing resources and repair differences.

    Without --yes and --plan, the changes are shown first, and a question follows. A new resource is shown on one line;
    `plan` shows its settings, too.

    With --watch, each file that is saved afterwards is deployed without a question. A change that would create
    another resource than an alarm, replace or delete one, or begin a risk is shown and not made. With -o json, each
    deployment is a document on one line.

    \b
    Examples:
      pipectl up
      pipectl up --code
      pipectl --local up --watch
      pipectl up --plan 3f2a91c07b4e
      pipectl -c config/prod.yaml up --yes
      pipectl --local up --dry-run
      pipectl up --adopt bucket --adopt dead-letter-queue
      pipectl up --adopt all
      pipectl up --allow-stream-replacement
    """
    unused = confirm is not None and not (watch or allow_stream_replacement)
    _check(dry_run=dry_run, reviewed=reviewed is not None, watch=watch, unused_confirm=unused)
    session.print_first_words()
    if dry_run:
        return show_plan(session, adopt, allow_stream_replacement, code=code)
    if session.markdown:
        session.refuse_markdown()

    def run() -> UpReport:
        return _up(session, yes, reviewed, code, adopt, allow_stream_replacement)

    if watch:
        return up_and_watch(session, confirm, run)
    from pipectl.output import up as output

    _begin(session, confirm, allows_loss=allow_stream_replacement)
    output.result(session.screen, run())
    return 0


def _begin(session: Session, confirm: str | None, *, allows_loss: bool) -> None:
    begin(session)
    if allows_loss:
        confirm_protected(session, confirm, "Records can be lost when its stream or stream mapping is replaced.")


def _check(*, dry_run: bool, reviewed: bool, watch: bool, unused_confirm: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: two options contradict each other.
    """
    if dry_run and reviewed:
        raise UsageError("use one of --plan and --dry-run")
    if watch and dry_run:
        raise UsageError("use one of --watch and --dry-run")
    if unused_confirm:
        raise UsageError(
            "--confirm is for --watch and --allow-stream-replacement",
            hint="`pipectl up` asks before it changes something; --yes confirms",
        )


def _up(
    session: Session,
    yes: bool,
    reviewed: str | None,
    code: bool,
    adopt: Collection[str],
    allow_stream_replacement: bool,
) -> UpReport:
    """Deploy once. What was done before an error is printed."""
    from pipectl.commands.up import up as run
    from pipectl.output import up as output

    try:
        return run(
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


def _confirm(session: Session, yes: bool, code: bool) -> Confirm:
    """Return the function that shows the plan and asks."""
    from pipectl.output import changes

    show = partial(changes.before_asking, session.screen, code=code)
    return session.confirm("Make these changes?", yes, show, partial(changes.notes, session.screen))
