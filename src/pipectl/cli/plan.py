"""`plan`: show what `up` would do."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from pipectl.cli.exit_codes import CHANGES_PENDING
from pipectl.cli.options import global_options_of
from pipectl.resource_keys import ResourceKey

if TYPE_CHECKING:
    from pipectl.cli.session import Session
    from pipectl.output.plan_markdown import Place

_ALL = "all"
_NONE = ""
"""The value of ``--adopt`` without one."""


class AdoptableResource(click.Choice[str]):
    """A key of a resource, or ``all``."""

    name = "resource"

    def __init__(self) -> None:
        super().__init__([_ALL, *map(str, ResourceKey)])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        del param, ctx
        return "RESOURCE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        given = str(value)
        if given in self.choices:
            return given
        problem = f"name the resource, such as --adopt {ResourceKey.BUCKET}, or use --adopt {_ALL}."
        if given != _NONE:
            meant = get_close_matches(given.lower().replace("_", "-"), self.choices, n=1)
            rest = f" Did you mean {meant[0]}?" if meant else ""
            problem = f"{given!r} is not a resource.{rest} Use one of {', '.join(self.choices)}."
        return self.fail(problem, param, ctx)


def _expanded(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> frozenset[str]:
    """Return the keys of the resources; each of them for ``all``."""
    return frozenset(ResourceKey if _ALL in given else given)


adopt_option = click.option(
    "--adopt",
    multiple=True,
    type=AdoptableResource(),
    is_flag=False,
    flag_value=_NONE,
    callback=_expanded,
    help="Take over this resource if it exists and is not managed: write the tags, remove the differences. "
    "Repeat the option for several resources, or name all.",
)
allow_stream_replacement_option = click.option(
    "--allow-stream-replacement",
    is_flag=True,
    help="Allow replacing the stream or the stream mapping; records can be missed.",
)
code_option = click.option("--code", is_flag=True, help="Show the lines of code that differ.")


@click.command()
@click.option("--exit-code", is_flag=True, help="Exit with 3 when there are changes.")
@code_option
@adopt_option
@allow_stream_replacement_option
@global_options_of("plan")
def plan(session: Session, exit_code: bool, code: bool, adopt: Collection[str], allow_stream_replacement: bool) -> int:
    """Show what `up` would do, attribute by attribute.

    !! marks a new risk, and one that stays; ✓ marks a risk that the changes fix. The last line has the command that
    makes exactly these changes.

    \b
    Examples:
      pipectl plan
      pipectl plan --code
      pipectl -c config/prod.yaml plan --exit-code
      pipectl plan --adopt bucket --adopt orders-table
      pipectl plan --adopt all
      pipectl plan --allow-stream-replacement
      pipectl plan -o markdown > plan.md
    """
    return show_plan(session, adopt, allow_stream_replacement, CHANGES_PENDING if exit_code else 0, code=code)


def show_plan(
    session: Session,
    adopt: Collection[str],
    allow_stream_replacement: bool,
    pending_code: int = 0,
    *,
    code: bool = False,
) -> int:
    """Print the plan, then the refusals as one error; return the exit code."""
    session.print_first_words()
    from pipectl.commands.plan import plan as run
    from pipectl.output import plan as output
    from pipectl.output import plan_markdown

    notes = begin(session)
    report = run(session.context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    if session.markdown:
        plan_markdown.result(session.screen, report, _place(session), notes)
    else:
        output.result(session.screen, report, code=code)
    if report.refused:
        return output.refused(session.screen, report, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    return pending_code if report.pending else 0


def begin(session: Session) -> list[str]:
    """Print the header, and the warnings about runtimes and packages. Return the warnings."""
    from pipectl.commands.plan import package_warnings
    from pipectl.output import config

    session.print_header()
    runtimes = config.ending_runtimes(session.screen, session.config, session.today)
    if session.options.local:
        from pipectl.commands.local import differing_runtimes
        from pipectl.output import local

        runtimes += local.differing_runtimes(session.screen, differing_runtimes(session.config))
    session.screen.step("building the packages of the functions")
    return [*runtimes, *config.package_warnings(session.screen, package_warnings(session.context))]


def _place(session: Session) -> Place:
    from pipectl.output.plan_markdown import Place

    account, local = session.context.aws.account_id, bool(session.options.local)
    return Place(session.config.environment, account, session.region, str(session.file), local)
