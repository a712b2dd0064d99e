"""The options that several commands share, and the global ones that work on either side of the command."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from pipectl.cli.completing import config_files, profiles, regions
from pipectl.errors import UsageError
from pipectl.global_options import MARKDOWN_COMMANDS, reason_against, unused
from pipectl.timestamps import rfc3339

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
Values: TypeAlias = "Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]"

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The earliest time that CloudWatch Logs accepts."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[datetime]):
    """A time: how long ago (``90s``, ``10m``, ``24h``, ``7d``), or in ISO form, UTC unless it has an offset."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            return max(_moment(text), _BEGINNING)
        except ValueError:
            self.fail(f"{text!r} is not a time: use an age (10m, 24h, 7d) or ISO 8601 (2026-01-31T12:00).", param, ctx)
        except OverflowError:
            self.fail(f"{text!r} is out of range.", param, ctx)


def _moment(text: str) -> datetime:
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


class NotEmpty(click.ParamType[str]):
    """A key or an id, which AWS would refuse when it is empty."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value) or self.fail("it is empty.", param, ctx)


class PlanId(click.ParamType[str]):
    """The whole id of a plan."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from pipectl.review.plan_id import LENGTH, is_plan_id

        text = str(value)
        if is_plan_id(text):
            return text
        rule = f"it has {LENGTH} characters of 0-9 and a-f, and `plan` prints it"
        return self.fail(f"{text!r} is not the id of a plan: {rule}.", param, ctx)


MARKDOWN = "markdown"
FORMATS = ("text", "json", MARKDOWN)
MOMENT = Moment()
NOT_EMPTY = NotEmpty()

_CONFIG_HELP = "Config file.  [default: $PIPECTL_CONFIG, else config/dev.yaml, else the only one in config/]"
SINCE_HELP = "Start time: 24h, 7d, or RFC 3339."
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
until_option = click.option("--until", type=MOMENT, help="End time: 24h, 7d, or RFC 3339.")


def user_name() -> str:
    """Return the user's name, or the user id where it has no name."""
    with suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"


def check_period(since: datetime | None, until: datetime | None) -> None:
    """Refuse a period that ends before it starts.

    Raises:
        UsageError: it does.
    """
    if since and until and since > until:
        raise UsageError(f"--since ({rfc3339(since)}) is after --until ({rfc3339(until)})")


def since_option(default: str) -> Callable[[F], F]:
    return click.option("--since", type=MOMENT, default=default, show_default=True, help=SINCE_HELP)


@dataclass(frozen=True)
class Globals:
    """The global options; ``None`` where not given."""

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
        """Return these options with those that ``over`` gives; the later option wins."""
        given = {f.name: getattr(over, f.name) for f in fields(over) if getattr(over, f.name) is not None}
        return replace(self, **given)

    def given(self) -> list[tuple[str, str | None]]:
        """Return the options that decide which pipeline a command works on, each with its value."""
        named = {"-c": self.config, "--profile": self.profile, "--region": self.region}
        named["--endpoint-url"] = self.endpoint_url
        found: list[tuple[str, str | None]] = [(name, value) for name, value in named.items() if value is not None]
        return [*found, ("--local", None)] if self.local else found

    def used_by(self, command: str) -> Globals:
        """Return these options without those that mean nothing to a command."""
        names = [name for each in unused(command) for name in each.options]
        return replace(self, **{_field(name): None for name in names})

    def refuse_unused(self, command: str) -> None:
        """Refuse options without which the command would give another result than the one asked for.

        Raises:
            UsageError: one is given.
        """
        for each in unused(command):
            for name in each.refused:
                if getattr(self, _field(name)) not in (None, "text"):
                    raise UsageError(takes_no(command, name))


def takes_no(command: str, option: str) -> str:
    """Return the message about a global option that means nothing to a command, or that follows a group."""
    if reason := reason_against(command, option):
        return f"`{command}` takes no {option}: {reason}"
    return f"{option} belongs before `{command}` or after the command that follows"


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def command_name(context: click.Context) -> str:
    """Return the words of a command, such as ``local status``."""
    return context.command_path.partition(" ")[2]


def _options(prefix: str, formats: Sequence[str]) -> list[Callable[[F], F]]:
    """Return the global options, as click parameters whose names begin with ``prefix``."""
    markdown = " Markdown is for plan and up --dry-run." if MARKDOWN in formats else ""

    def flag(*names: str, help: str) -> Callable[[F], F]:  # noqa: A002
        return click.option(*names, f"{prefix}{_field(names[-1])}", is_flag=True, default=None, help=help)

    def text(*names: str, metavar: str, help: str, values: Values | None = None) -> Callable[[F], F]:  # noqa: A002
        return click.option(*names, f"{prefix}{_field(names[-1])}", metavar=metavar, help=help, shell_complete=values)

    return [
        text("-c", "--config", metavar="FILE", help=_CONFIG_HELP, values=config_files),
        text("--profile", metavar="NAME", help="AWS profile.  [default: $AWS_PROFILE]", values=profiles),
        text(
            "--region", metavar="REGION", help="AWS region.  [default: the config's, else $AWS_REGION]", values=regions
        ),
        text("--endpoint-url", metavar="URL", help="AWS endpoint URL.  [default: $AWS_ENDPOINT_URL]"),
        flag("--local", help="Use the local emulator."),
        click.option(
            "-o",
            "--output",
            f"{prefix}output",
            type=click.Choice(formats),
            help=f"Output format.{markdown}",
        ),
        flag("--no-color", help="Print without colors."),
        flag("-q", "--quiet", help="Print no progress."),
        flag("-v", "--verbose", help="Print AWS calls, times of changes, codes of errors and tracebacks."),
    ]


def options_before_the_command(group: F) -> F:
    for option in reversed(_options("", FORMATS)):
        group = option(group)
    return group


def global_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command all global options, and the `Session` they make with those before it."""
    return _with_options(command, "")


def global_options_of(name: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the global options that mean something to it, and the `Session`.

    Args:
        name: The words of the command, such as ``config schema``.
    """
    return lambda command: _with_options(command, name)


def _with_options(command: Callable[..., int], name: str) -> Callable[..., int]:
    wrapped = _with_session(command)
    formats = FORMATS if name in MARKDOWN_COMMANDS else FORMATS[:2]
    for option in reversed(_options("global_", formats)):
        wrapped = option(wrapped)
    parameters: list[click.Parameter] = getattr(wrapped, "__click_params__", [])
    parameters[:] = [each for each in parameters if not any(reason_against(name, opt) for opt in each.opts)]
    return wrapped


def _with_session(command: Callable[..., int]) -> Callable[..., int]:
    @wraps(command)
    def with_session(*args: Any, **kwargs: Any) -> int:
        from pipectl.cli.session import Session, run

        context = click.get_current_context()
        given = Globals(**{f.name: kwargs.pop(f"global_{f.name}", None) for f in fields(Globals)})
        session = Session(context.find_root().obj.overlaid(given), command_name(context))
        return run(session, lambda: command(session, *args, **kwargs))

    return with_session
