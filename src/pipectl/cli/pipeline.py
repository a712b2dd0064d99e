"""The commands that make, show and remove the pipeline."""

from __future__ import annotations

from functools import partial

import click

from pipectl.cli.root import main
from pipectl.cli.session import Session, global_options
from pipectl.commands import config as config_commands
from pipectl.commands import local as local_commands
from pipectl.commands.demo import demo as run_demo
from pipectl.commands.down import down as run_down
from pipectl.commands.status import outputs as read_outputs
from pipectl.commands.status import status as read_status
from pipectl.commands.up import plan as run_plan
from pipectl.commands.up import up as run_up
from pipectl.config.runtimes import supported
from pipectl.engine.planner import refusal
from pipectl.errors import UsageError
from pipectl.output import pipeline as render

CHANGES_PENDING = 3
"""Exit code: there is something to do, or something is not well."""

_allow_stream_replacement = click.option(
    "--allow-stream-replacement",
    is_flag=True,
    help="Replace the orders table's stream, or where its mapping begins, even if that misses records.",
)


@main.command()
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done, as `plan` does.")
@click.option("--adopt", is_flag=True, help="Take over resources of these names that are not ours.")
@_allow_stream_replacement
@global_options
def up(session: Session, yes: bool, dry_run: bool, adopt: bool, allow_stream_replacement: bool) -> int:
    """Create what is missing and repair what differs."""
    if dry_run:
        return _show_plan(session, adopt, allow_stream_replacement)
    _tell_ending_runtimes(session)
    report = run_up(
        session.context,
        session.confirm("Make these changes?", yes, partial(render.plan_before_asking, session.screen)),
        adopt=adopt,
        allow_stream_replacement=allow_stream_replacement,
    )
    render.changes(session.screen, report, done=True)
    return 0


@main.command()
@click.option("--exit-code", is_flag=True, help="Exit with 3 when there are changes.")
@click.option("--adopt", is_flag=True, help="Plan to take over resources of these names that are not ours.")
@_allow_stream_replacement
@global_options
def plan(session: Session, exit_code: bool, adopt: bool, allow_stream_replacement: bool) -> int:
    """Show what `up` would do, attribute by attribute. Changes nothing."""
    return _show_plan(session, adopt, allow_stream_replacement, CHANGES_PENDING if exit_code else 0)


def _show_plan(session: Session, adopt: bool, allow_stream_replacement: bool, pending_code: int = 0) -> int:
    _tell_ending_runtimes(session)
    report = run_plan(session.context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    render.changes(session.screen, report, done=False)
    if report.refused:
        error = refusal(report.refused)
        if not session.screen.json_output:  # the list has just told the reasons
            names = ", ".join(f"{change.resource} ({change.name})" for change in report.refused)
            error.message, error.resource = f"{error.message.splitlines()[0]} {names}", None
        session.screen.error(error)
        return error.exit_code
    return pending_code if report.pending else 0


def _tell_ending_runtimes(session: Session) -> None:
    today = session.clock.now().date()
    render.ending_runtimes(session.screen, config_commands.ending_runtimes(session.config, today), today)


@main.command()
@click.option(
    "--exit-code", is_flag=True, help="Exit with 3 when something is missing, drifted, foreign, or not healthy."
)
@global_options
def status(session: Session, exit_code: bool) -> int:
    """Show every resource, and whether what runs is well. Changes nothing.

    A resource is in sync, drifted, missing, or foreign. Health is one verdict over mappings, iterator age, errors,
    queue, alarms, and open failures with the time left until the stream forgets their records.
    """
    _tell_ending_runtimes(session)
    report = read_status(session.context)
    render.status(session.screen, report)
    return CHANGES_PENDING if exit_code and not report.well else 0


@main.command()
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--delete-data", is_flag=True, help="Delete items, objects and messages too, for good.")
@click.option("--keep-data", is_flag=True, help="Keep tables, bucket and log groups; an `up` in time loses nothing.")
@global_options
def down(session: Session, yes: bool, delete_data: bool, keep_data: bool) -> int:
    """Remove what is ours, and prove that nothing is left."""
    if delete_data and keep_data:
        raise UsageError("--delete-data and --keep-data exclude each other", hint="leave one of them out")
    confirm = session.confirm("Remove these?", yes, partial(render.plan_before_asking, session.screen))
    report = run_down(session.context, confirm, delete_data=delete_data, keep_data=keep_data)
    render.removed(session.screen, report)
    return 0


@main.command()
@click.option("--env", is_flag=True, help="As lines for a shell: ORDERS_TABLE_NAME=...")
@global_options
def outputs(session: Session, env: bool) -> int:
    """Print names, ARNs and addresses that others need. Changes nothing."""
    if env and session.screen.json_output:
        raise UsageError("--env and -o json exclude each other", hint="leave one of them out")
    render.outputs(session.screen, read_outputs(session.context), env=env)
    return 0


@main.group()
def config() -> None:
    """Look at the config file. Asks AWS nothing."""


@config.command()
@global_options
def check(session: Session) -> int:
    """Check the config and the handlers' folders."""
    checked = config_commands.check(session.config, session.file)
    _tell_ending_runtimes(session)
    session.screen.result({"ok": True, "file": str(session.file), **checked}, f"{session.file} is valid.")
    return 0


@config.command()
@global_options
def show(session: Session) -> int:
    """Print the config with every default filled in."""
    shown = config_commands.show(session.config)
    session.screen.result(shown, config_commands.as_yaml(shown))
    return 0


@config.command()
@global_options
def schema(session: Session) -> int:
    """Print the JSON Schema of the config, for editors."""
    session.screen.json(config_commands.schema())
    return 0


@main.group()
def local() -> None:
    """The local emulator on this machine."""


@local.command("start")
@global_options
def local_start(session: Session) -> int:
    """Start it, unless it is running. Every command with --local does so too."""
    session.screen.result(*local_commands.start())
    return 0


@local.command("stop")
@global_options
def local_stop(session: Session) -> int:
    """Stop it. What is in it is gone then."""
    session.screen.result(*local_commands.stop())
    return 0


@local.command("status")
@global_options
def local_status(session: Session) -> int:
    """Say whether it is running, and where."""
    session.screen.result(*local_commands.status())
    return 0


@main.command()
@click.option(
    "--orders", type=click.IntRange(2, 1000), metavar="N", default=20, show_default=True, help="Orders to send."
)
@click.option(
    "--runtime", type=click.Choice(supported()), metavar="R", help="Run both functions in it.  [default: the config's]"
)
@global_options
def demo(session: Session, orders: int, runtime: str | None) -> int:
    """Tell the whole story on an AWS of its own, in seconds."""
    config = session.config.running_in(runtime) if runtime else session.config
    report = run_demo(config, session.file, session.emulator_aws, session.screen, orders=orders, cancel=session.cancel)
    render.demo(session.screen, report)
    return 0
