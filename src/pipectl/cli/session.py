"""What the global options mean, and how a command is run: its words and its exit code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from pipectl.aws.client import Aws, Credentials
from pipectl.clock import SystemClock
from pipectl.commands import local as local_commands
from pipectl.config.loading import load
from pipectl.config.models import Config, known_region
from pipectl.context import Context
from pipectl.errors import CancelledError, DeclinedError, PipectlError, UsageError
from pipectl.local import lifecycle
from pipectl.local.lifecycle import LocalEmulator
from pipectl.output.console import Screen

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


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
        click.option("--local", f"{prefix}local", is_flag=True, default=None, help="Use the local emulator."),
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
        self.screen = Screen(
            json_output=options.output == "json",
            quiet=bool(options.quiet),
            verbose=bool(options.verbose),
            color=not (options.no_color or os.environ.get("NO_COLOR")),
        )
        self.clock = SystemClock()

    def check(self) -> None:
        """Refuse what no command takes.

        Raises:
            UsageError: two options contradict each other.
        """
        if self.options.local and self.options.endpoint_url:
            raise UsageError("--local and --endpoint-url exclude each other", hint="leave one of them out")

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
            config = config.model_copy(update={"account_id": None})
            aws = self.emulator_aws(local_commands.endpoint(config))
        else:
            aws = self.aws(
                self.options.endpoint_url
            )  # AWS_ENDPOINT_URL, and one for each service, botocore reads itself
        return Context(config, self.file, aws, self.screen, cancel=self.cancel)

    def cancel(self) -> None:
        """What the first Ctrl-C does while threads work."""
        self.screen.note("Interrupted: what is under way comes to its end. Ctrl-C again leaves at once.")
        self.clock.cancel()

    def emulator_aws(self, running: LocalEmulator) -> Aws:
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

    def confirm(self, question: str, yes: bool, show: Callable[[T], None]) -> Callable[[T], None]:
        """Show what it is about and ask; ``yes`` answers beforehand."""

        def ask(about: T) -> None:
            if yes:
                return
            show(about)
            if sys.stdin is None or not sys.stdin.isatty():
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

        def checked() -> Any:
            session.check()
            return command(session, *args, **kwargs)

        return _run(session, checked)

    wrapped: Any = with_session
    for option in reversed(_options("global_")):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def options_before_the_command(group: F) -> F:
    for option in reversed(_options("")):
        group = option(group)
    return group


def _run(session: Session, command: Callable[[], int | None]) -> None:
    """Call a command; turn what it raises into words and an exit code."""
    try:
        code = command() or 0
    except KeyboardInterrupt:
        code = _fail(session, CancelledError("interrupted"))
        _leave_if_threads_would_not(code)
    except click.Abort:
        code = _fail(session, CancelledError("interrupted; nothing was touched"))
    except PipectlError as error:
        code = _fail(session, error)
    except BrokenPipeError:
        code = _closed_pipe()
    except OSError as error:
        code = _fail(session, PipectlError(str(error)))
    except Exception as error:  # noqa: BLE001 - a user is shown no traceback, unless with -v
        hint = "run it again with -v, and report what it shows"
        code = _fail(session, PipectlError(f"a bug in pipectl: {type(error).__name__}: {error}", hint=hint))
    finally:
        session.screen.close()
    sys.exit(code)


def _fail(session: Session, error: PipectlError) -> int:
    session.screen.close()
    if session.screen.verbose:
        session.screen.traceback()
    session.screen.error(error)
    return error.exit_code


def _leave_if_threads_would_not(code: int) -> None:
    """After a second Ctrl-C: the interpreter would wait for each thread that waits for AWS."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _closed_pipe() -> int:
    """Who read the result has seen enough; keep the interpreter from complaining when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
