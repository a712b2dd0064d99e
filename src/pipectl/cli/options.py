"""The options that several commands share, and the global ones that work on either side of the command."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from pipectl.errors import UsageError
from pipectl.timestamps import rfc3339

F = TypeVar("F", bound=Callable[..., Any])

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
MOMENT = Moment()
NOT_EMPTY = NotEmpty()
FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

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


def _options(prefix: str) -> list[Callable[[F], F]]:
    """Return the global options, as click parameters whose names begin with ``prefix``."""

    def flag(*names: str, help: str) -> Callable[[F], F]:  # noqa: A002
        name = names[-1].removeprefix("--").replace("-", "_")
        return click.option(*names, f"{prefix}{name}", is_flag=True, default=None, help=help)

    def text(*names: str, metavar: str, help: str) -> Callable[[F], F]:  # noqa: A002
        name = names[-1].removeprefix("--").replace("-", "_")
        return click.option(*names, f"{prefix}{name}", metavar=metavar, help=help)

    return [
        text(
            "-c",
            "--config",
            metavar="FILE",
            help=_CONFIG_HELP,
        ),
        text("--profile", metavar="NAME", help="AWS profile.  [default: $AWS_PROFILE]"),
        text("--region", metavar="REGION", help="AWS region.  [default: the config's, else $AWS_REGION]"),
        text("--endpoint-url", metavar="URL", help="AWS endpoint URL.  [default: $AWS_ENDPOINT_URL]"),
        flag("--local", help="Use the local emulator."),
        click.option(
            "-o",
            "--output",
            f"{prefix}output",
            type=click.Choice(["text", "json", MARKDOWN]),
            help="Output format. Markdown is for plan and up --dry-run.",
        ),
        flag("--no-color", help="Print without colors."),
        flag("-q", "--quiet", help="Print no progress."),
        flag("-v", "--verbose", help="Print AWS calls and tracebacks."),
    ]


def options_before_the_command(group: F) -> F:
    for option in reversed(_options("")):
        group = option(group)
    return group


def global_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the global options, and the `Session` they make with those before it."""
    return global_options_without()(command)


def global_options_without(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the global options but some that it cannot use, such as ``local``."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        wrapped = _with_session(command)
        for option in reversed(_options("global_")):
            wrapped = option(wrapped)
        parameters = getattr(wrapped, "__click_params__", [])
        parameters[:] = [each for each in parameters if each.name not in {f"global_{name}" for name in names}]
        return wrapped

    return decorate


def _with_session(command: Callable[..., int]) -> Callable[..., int]:
    @wraps(command)
    def with_session(*args: Any, **kwargs: Any) -> int:
        from pipectl.cli.session import Session, run

        root = click.get_current_context().find_root()
        given = Globals(**{f.name: kwargs.pop(f"global_{f.name}", None) for f in fields(Globals)})
        session = Session(root.obj.overlaid(given))
        return run(session, lambda: command(session, *args, **kwargs))

    return with_session
