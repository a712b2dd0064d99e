"""The session of one command: resolve the global options, run the command, and exit.

Config and AWS clients are imported when they are used: that takes longer than the time within which a command has to
print its first words.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from pipectl.cli.config_file import ConfigFile, find
from pipectl.cli.confirming import has_terminal
from pipectl.cli.ending import second_interrupt_leaves
from pipectl.cli.options import MARKDOWN, Globals
from pipectl.clock import SystemClock
from pipectl.errors import (
    AccessDeniedError,
    CancelledError,
    ConfigError,
    DeclinedError,
    PipectlError,
    Problem,
    UsageError,
)
from pipectl.global_options import MARKDOWN_COMMANDS
from pipectl.output import looks
from pipectl.output.console import Line, Screen

if TYPE_CHECKING:
    from pipectl.aws.client import Aws, Credentials
    from pipectl.config.layers import Layers
    from pipectl.config.models import Config
    from pipectl.context import Context
    from pipectl.local.home import LocalEmulator

T = TypeVar("T")

_READ_EVERYTHING = ("plan", "up", "status", "report", "down")
"""Commands that read every resource, so that they use a client of each of these services, in this order."""
_SERVICES = ("iam", "dynamodb", "s3", "sqs", "logs", "lambda", "cloudwatch")


class Session:
    """The global options, resolved: config, region, AWS clients and console."""

    def __init__(self, options: Globals, command: str) -> None:
        self.given = options
        self.command = command
        self.options = options.used_by(command)
        self.screen = Screen(
            json_output=options.output == "json",
            quiet=bool(options.quiet),
            verbose=bool(options.verbose),
            color=not (options.no_color or os.environ.get("NO_COLOR")),
            options=options.given(),
        )
        self.clock = SystemClock()

    def check(self) -> None:
        """Refuse global options that contradict each other.

        Raises:
            UsageError: two options contradict each other, or the command cannot do what one asks for.
        """
        self.given.refuse_unused(self.command)
        if self.markdown and self.command not in MARKDOWN_COMMANDS:
            self.refuse_markdown()
        if self.options.local and self.options.endpoint_url:
            raise UsageError("use one of --local and --endpoint-url")

    @property
    def markdown(self) -> bool:
        return self.options.output == MARKDOWN

    def refuse_markdown(self) -> NoReturn:
        raise UsageError("-o markdown is only for `plan` and `up --dry-run`", hint="use text or json")

    @cached_property
    def config_file(self) -> ConfigFile:
        return find(self.options.config, os.environ.get("PIPECTL_CONFIG"))

    @cached_property
    def file(self) -> Path:
        """The config file.

        Raises:
            UsageError: there are several, and none is named.
        """
        return self.config_file.require_one()

    @cached_property
    def layers(self) -> Layers:
        """The config file and the files that it extends, as they were read last."""
        from pipectl.config.layers import read_layers

        return read_layers(self.file)

    @cached_property
    def config(self) -> Config:
        from pipectl.config.loading import config_of

        if not os.path.lexists(self.file):
            raise ConfigError([Problem(str(self.file), 0, "", "the file does not exist")], hint=self.config_file.hint)
        return config_of(self.layers)

    @property
    def protected(self) -> bool:
        """True when the config protects the environment; the local emulator is never protected."""
        return self.config.protect and not self.options.local

    @property
    def today(self) -> date:
        return self.clock.now().date()

    @cached_property
    def region(self) -> str:
        """The region: of the option, else of the config, else of the environment."""
        return self.region_with(self.config)

    @property
    def region_of_environment(self) -> str | None:
        return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")

    def region_with(self, config: Config | None) -> str:
        """Return the region with a config, or without one.

        Raises:
            UsageError: no region is set, or it is unknown.
        """
        from pipectl.config.regions import known_region

        region = self.options.region or (config and config.region) or self.region_of_environment
        if not region and self.options.local:
            from pipectl.local.home import REGION

            return REGION
        if not region:
            raise UsageError("no region is set", hint="put `region:` into the config, or use --region or AWS_REGION")
        try:
            return known_region(region)
        except ValueError as error:
            raise UsageError(str(error)) from None

    @cached_property
    def context(self) -> Context:
        return self.connected(self.config)

    def connected(self, config: Config) -> Context:
        """Return the context of a config with new AWS clients; with `--local` the emulator is started if needed."""
        if self.options.local:
            from pipectl.commands import local

            aws = self.emulator_aws(local.start(config))
        else:
            # AWS_ENDPOINT_URL, and one for each service, are read by botocore.
            aws = self.aws(self.options.endpoint_url)
        return self.context_of(config, self.file, aws)

    def context_of(self, config: Config, file: Path, aws: Aws) -> Context:
        """Return the context of a config, which need not be that of the options."""
        from pipectl.context import Context

        local = bool(self.options.local)
        if local:
            config = config.model_copy(update={"account_id": None, "protect": False})
        return Context(config, file, aws, self.screen.progress, cancel=self.cancel, local=local)

    def account_for_names(self) -> str:
        """Return the account for physical names: of the emulator, else of the config, else of the credentials."""
        if self.options.local:
            from pipectl.local.home import ACCOUNT_ID

            return ACCOUNT_ID
        return self.config.account_id or self.aws(self.options.endpoint_url).account_id

    def print_first_words(self) -> None:
        """Show at once which config is read: the imports and the account of a header take longer."""
        self.screen.step(f"reading {self.file}")

    def print_header(self, *, passing: bool = False) -> None:
        """Print the environment, account, region and config file that the command works on.

        Args:
            passing: On a terminal the result, which says it, too, removes the line.

        Raises:
            WrongAccountError: the credentials belong to another account than the config's.
        """
        place = f"{self.config.environment} · {self.region} · {self.file}"
        self.screen.step(f"{place}: starting the local emulator" if self.options.local else place)
        context = self.context
        self.screen.step(f"{place}: reading the account")
        context.pipeline  # noqa: B018 - it refuses a wrong account
        line = f" · account {context.aws.account_id} · {self.region} · {self.file}"
        local: Line = (" · ", ("LOCAL", looks.ATTENTION)) if self.options.local else ()
        self.screen.header(((self.config.environment, "bold"), line, *local), passing=passing)

    def cancel(self) -> None:
        """Stop every wait: the first Ctrl-C, while threads work."""
        self.screen.note("Interrupted: waiting for calls in progress. Press Ctrl-C again to exit at once.")
        self.clock.cancel()

    def emulator_aws(self, running: LocalEmulator, region: str | None = None, *, timeout: float | None = None) -> Aws:
        from pipectl.aws.client import Credentials

        return self.aws(running.endpoint_url, Credentials(**running.credentials()), region=region, timeout=timeout)

    def aws(
        self,
        endpoint_url: str | None,
        credentials: Credentials | None = None,
        *,
        region: str | None = None,
        timeout: float | None = None,
    ) -> Aws:
        """Return AWS.

        Args:
            endpoint_url: The endpoint, if it is not AWS's own.
            credentials: Explicit credentials instead of those of the options and the environment.
            region: Another region than that of the options and the config.
            timeout: See `Aws`.
        """
        from pipectl.aws.client import Aws

        return Aws(
            region or self.region,
            profile=None if credentials else self.options.profile,
            endpoint_url=endpoint_url,
            credentials=credentials,
            clock=self.clock,
            say=self.screen.progress.waiting,
            awaits=self.screen.progress.awaits,
            warn=lambda text: self.screen.notice([(f"Warning: {text}",)]),
            on_call=self.screen.called,
            timeout=timeout,
            prepared=_SERVICES if self.command in _READ_EVERYTHING else (),
        )

    def confirm(
        self,
        question: str | Callable[[T], str],
        yes: bool,
        show: Callable[[T], None],
        mention: Callable[[T], None] | None = None,
    ) -> Callable[[T], None]:
        """Return a confirmation that shows the changes and asks.

        ``yes`` confirms without asking; ``mention`` then prints what should not happen silently.
        """

        def ask(about: T) -> None:
            if yes:
                if mention:
                    mention(about)
                return
            self.screen.close()
            show(about)
            if not has_terminal():
                raise UsageError("no terminal to confirm on", hint="use --yes")
            if not click.confirm(question if isinstance(question, str) else question(about), err=True):
                raise DeclinedError("Cancelled. Nothing was changed.")

        return ask


def run(session: Session, command: Callable[[], int]) -> int:
    """Call a command and return its exit code; what it raises becomes a message."""
    interrupted = CancelledError("interrupted")
    try:
        with second_interrupt_leaves(lambda: session.screen.last_words(interrupted)) as was_interrupted:
            session.check()
            return command()
    except KeyboardInterrupt:
        return _fail(session, interrupted)
    except click.Abort:
        click.echo(err=True)  # the terminal shows ^C behind the question
        return _fail(session, CancelledError("Cancelled. Nothing was changed."))
    except PipectlError as error:
        return _fail(session, error)
    except BrokenPipeError:
        return 1  # the reader of the result has seen enough
    except OSError as error:
        hint = "change to another folder" if _folder_is_gone() else None
        return _fail(session, PipectlError("the current folder was deleted" if hint else _described(error), hint=hint))
    except Exception as error:  # noqa: BLE001 - users see a traceback with -v only
        if was_interrupted():
            return _fail(session, interrupted)
        hint = "run the command again with -v and report the output"
        return _fail(session, PipectlError(f"a bug in pipectl: {type(error).__name__}: {error}", hint=hint))
    finally:
        session.screen.close()


def _fail(session: Session, error: PipectlError) -> int:
    session.screen.close()
    if session.screen.verbose and not isinstance(error, CancelledError):
        session.screen.traceback()
    if isinstance(error, AccessDeniedError):
        _name_policy(session, error)
    session.screen.error(error)
    return error.exit_code


def _name_policy(session: Session, error: AccessDeniedError) -> None:
    """Name the policy of the smallest group that may run this command in the hint of a denied call."""
    from pipectl.aws.denied import DEPLOYER_POLICY
    from pipectl.iam.command_actions import group_for

    if error.hint:
        group = group_for(session.command, error.actions)
        error.hint = error.hint.replace(DEPLOYER_POLICY, f"`pipectl permissions {group}`")


def _folder_is_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _described(error: OSError) -> str:
    """``No space left on device``, with the file where there is one."""
    reason = error.strerror or str(error)
    return f"{os.fsdecode(error.filename)}: {reason}" if isinstance(error.filename, str | bytes) else reason
