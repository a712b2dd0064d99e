"""The command line: parse, call one command, render, exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from pipectl import __version__
from pipectl.aws import Aws, Credentials
from pipectl.clock import SystemClock
from pipectl.commands import config as config_commands
from pipectl.commands import local as local_commands
from pipectl.commands.context import Context
from pipectl.commands.demo import demo as run_demo
from pipectl.commands.down import down as run_down
from pipectl.commands.status import State
from pipectl.commands.status import outputs as read_outputs
from pipectl.commands.status import status as read_status
from pipectl.commands.up import plan as run_plan
from pipectl.commands.up import up as run_up
from pipectl.config import Config, known_region
from pipectl.config_file import load
from pipectl.engine.model import Change
from pipectl.engine.reconcile import refusal
from pipectl.errors import CancelledError, DeclinedError, PipectlError, UsageError
from pipectl.local import lifecycle
from pipectl.local.lifecycle import LocalAws
from pipectl.render import Screen

CHANGES_PENDING = 3
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Globals:
    """The options that work on either side of the command; ``None`` where not given."""

    config: str | None = None
    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    local: bool | None = None
    output: str | None = None
    no_color: bool | None = None
    quiet: bool | None = None
    verbose: bool | None = None

    def overlaid(self, over: Globals) -> Globals:
        given = {f.name: getattr(over, f.name) for f in fields(over) if getattr(over, f.name) is not None}
        return replace(self, **given)


def _options(prefix: str) -> list[Callable[[F], F]]:
    """The global options, as click parameters whose names begin with ``prefix``."""
    return [
        click.option(
            "-c",
            "--config",
            f"{prefix}config",
            metavar="FILE",
            help="Config file.  [default: $PIPECTL_CONFIG or config/dev.yaml]",
        ),
        click.option("--profile", f"{prefix}profile", metavar="P", help="AWS profile.  [default: $AWS_PROFILE]"),
        click.option("--region", f"{prefix}region", metavar="R", help="AWS region; wins over the config's."),
        click.option(
            "--endpoint-url", f"{prefix}endpoint_url", metavar="U", help="Another AWS.  [default: $AWS_ENDPOINT_URL]"
        ),
        click.option("--local", f"{prefix}local", is_flag=True, default=None, help="Use the embedded AWS."),
        click.option(
            "-o", "--output", f"{prefix}output", type=click.Choice(["text", "json"]), help="Form of the result."
        ),
        click.option("--no-color", f"{prefix}no_color", is_flag=True, default=None, help="No colours."),
        click.option("-q", "--quiet", f"{prefix}quiet", is_flag=True, default=None, help="No progress."),
        click.option("-v", "--verbose", f"{prefix}verbose", is_flag=True, default=None, help="AWS calls, tracebacks."),
    ]


class Session:
    """What the global options mean."""

    def __init__(self, options: Globals) -> None:
        self.options = options
        color = False if options.no_color else None
        self.screen = Screen(
            json_output=options.output == "json",
            quiet=bool(options.quiet),
            verbose=bool(options.verbose),
            color=color,
        )
        self.clock = SystemClock()

    @cached_property
    def file(self) -> Path:
        return Path(self.options.config or os.environ.get("PIPECTL_CONFIG") or "config/dev.yaml")

    @cached_property
    def config(self) -> Config:
        return load(self.file)

    @cached_property
    def region(self) -> str:
        """Flag, then config, then environment."""
        from_environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        region = self.options.region or self.config.region or from_environment
        if not region:
            raise UsageError("no region is set", hint="put `region:` into the config, or use --region or AWS_REGION")
        try:
            return known_region(region)
        except ValueError as error:
            raise UsageError(str(error)) from None

    @cached_property
    def context(self) -> Context:
        config = self.config
        if self.options.local:
            if self.options.endpoint_url:
                raise UsageError("--local and --endpoint-url exclude each other", hint="leave one of them out")
            config = config.model_copy(update={"account_id": None})
            aws = self.local_aws(local_commands.endpoint())
        else:
            aws = self.aws(self.options.endpoint_url or os.environ.get("AWS_ENDPOINT_URL"))
        return Context(config, self.file, aws, self.screen, cancel=self.clock.cancel)

    def local_aws(self, running: LocalAws) -> Aws:
        return self.aws(running.endpoint_url, Credentials(**lifecycle.credentials()))

    def aws(self, endpoint_url: str | None, credentials: Credentials | None = None) -> Aws:
        return Aws(
            self.region,
            profile=None if credentials else self.options.profile,
            endpoint_url=endpoint_url,
            credentials=credentials,
            clock=self.clock,
            say=self.screen.waiting,
            on_call=self.screen.called,
        )

    def confirm(self, question: str, yes: bool) -> Callable[[Sequence[Change]], None]:
        """Show and ask; ``yes`` answers."""

        def ask(changes: Sequence[Change]) -> None:
            if yes:
                return
            self.screen.plan_before_asking(changes)
            if not sys.stdin.isatty():
                raise UsageError(
                    f"cannot ask {question!r}: this is not a terminal", hint="say yes beforehand with --yes"
                )
            if not click.confirm(question, err=True):
                raise DeclinedError("declined; nothing was touched")

        return ask


def global_options(command: F) -> F:
    """Give a command the global options, and the `Session` they make with those before it."""

    @wraps(command)
    def with_session(*args: Any, **kwargs: Any) -> Any:
        context = click.get_current_context()
        given = Globals(**{f.name: kwargs.pop(f"global_{f.name}") for f in fields(Globals)})
        session = Session(context.find_root().obj.overlaid(given))
        context.find_root().meta["pipectl.session"] = session
        return _run(session, lambda: command(session, *args, **kwargs))

    wrapped: Any = with_session
    for option in reversed(_options("global_")):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def _before_the_command(group: F) -> F:
    for option in reversed(_options("")):
        group = option(group)
    return group


def _run(session: Session, command: Callable[[], int | None]) -> None:
    """Call a command; turn what it raises into words and an exit code."""
    try:
        code = command() or 0
    except KeyboardInterrupt:
        code = _fail(session, CancelledError("interrupted"))
    except click.Abort:
        code = _fail(session, CancelledError("interrupted; nothing was touched"))
    except PipectlError as error:
        code = _fail(session, error)
    except BrokenPipeError:
        code = _closed_pipe()
    finally:
        session.screen.close()
    sys.exit(code)


def _fail(session: Session, error: PipectlError) -> int:
    session.screen.close()
    if session.screen.verbose:
        session.screen.traceback()
    session.screen.error(error)
    return error.exit_code


def _closed_pipe() -> int:
    """Who read the result has seen enough; keep the interpreter from complaining when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipectl")
@_before_the_command
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Provision and operate a resilient event-driven pipeline on AWS.

    A table's stream drives a function that stores each record as JSON in a bucket; what fails for good is audited and
    can be replayed. No stack, no state file: the config says what should be, AWS says what is.
    """
    context.obj = Globals(**options)


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
    report = run_up(
        session.context,
        session.confirm("Make these changes?", yes),
        adopt=adopt,
        allow_stream_replacement=allow_stream_replacement,
    )
    session.screen.changes(report, done=True)
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
    report = run_plan(session.context, adopt=adopt, allow_stream_replacement=allow_stream_replacement)
    session.screen.changes(report, done=False)
    if report.refused:
        error = refusal(report.refused)
        session.screen.error(error)
        return error.exit_code
    return pending_code if report.pending else 0


@main.command()
@click.option("--exit-code", is_flag=True, help="Exit with 3 when something is missing, drifted or foreign.")
@global_options
def status(session: Session, exit_code: bool) -> int:
    """Show every resource: in sync, drifted, missing, or not ours. Changes nothing."""
    statuses = read_status(session.context)
    session.screen.statuses(statuses)
    healthy = all(each.state is State.IN_SYNC for each in statuses)
    return CHANGES_PENDING if exit_code and not healthy else 0


@main.command()
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--delete-data", is_flag=True, help="Delete items, objects and messages too, for good.")
@click.option("--keep-data", is_flag=True, help="Keep tables, bucket and log groups; a later `up` takes them back.")
@global_options
def down(session: Session, yes: bool, delete_data: bool, keep_data: bool) -> int:
    """Remove what is ours, in reverse order, and prove that nothing is left."""
    if delete_data and keep_data:
        raise UsageError("--delete-data and --keep-data exclude each other", hint="leave one of them out")
    confirm = session.confirm("Remove these?", yes)
    report = run_down(session.context, confirm, delete_data=delete_data, keep_data=keep_data)
    session.screen.removed(report.changes)
    return 0


@main.command()
@click.option("--env", is_flag=True, help="As lines for a shell: ORDERS_TABLE_NAME=...")
@global_options
def outputs(session: Session, env: bool) -> int:
    """Print names, ARNs and addresses that others need. Changes nothing."""
    session.screen.outputs(read_outputs(session.context), env=env)
    return 0


@main.group()
def config() -> None:
    """Look at the config file. Asks AWS nothing."""


@config.command()
@global_options
def check(session: Session) -> int:
    """Check the config and the handlers' folders."""
    checked = config_commands.check(session.config, session.file)
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
    """The embedded AWS on this machine."""


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
@click.option("--orders", type=click.IntRange(2, 1000), default=20, show_default=True, help="Orders to send.")
@global_options
def demo(session: Session, orders: int) -> int:
    """Tell the whole story on an embedded AWS of its own, in about a minute."""
    report = run_demo(
        session.config, session.file, session.local_aws, session.screen, orders=orders, cancel=session.clock.cancel
    )
    session.screen.demo(report)
    return 0
