"""The confirmation with the environment's name: ``--confirm NAME``, or typed on a terminal.

docs/environments.md has the commands that need it in an environment with ``protect: true``. The local emulator is never
protected.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipectl.errors import DeclinedError, ProtectedError, UsageError

if TYPE_CHECKING:
    from pipectl.cli.session import Session

F = TypeVar("F", bound=Callable[..., Any])

HELP = "Confirm with the environment's name instead of typing it."


def confirm_option(help: str = HELP) -> Callable[[F], F]:  # noqa: A002 - the name in click
    """Return the option ``--confirm NAME``, the parameter ``confirm`` of a command."""
    return click.option("--confirm", metavar="NAME", help=help)


def check_name(session: Session, name: str | None) -> None:
    """Refuse a ``--confirm`` with another name than the environment's, also where nothing is protected.

    Raises:
        UsageError: the name is another one.
    """
    environment = session.config.environment
    if name is None or name == environment:
        return
    from difflib import get_close_matches

    meant = get_close_matches(name, [environment], n=1)
    hint = f"did you mean --confirm {environment}?" if meant else "-c FILE names the config of another environment"
    raise UsageError(f"--confirm is {name!r}, but the environment of {session.file} is {environment!r}", hint=hint)


def confirm_protected(session: Session, name: str | None, consequence: str) -> None:
    """Continue in an unprotected environment; in a protected one only with its name.

    Args:
        session: The session. Its header has been printed, so that the user sees the place.
        name: The value of ``--confirm``.
        consequence: A sentence that is shown before the name is typed, such as "An order is written to its table."

    Raises:
        UsageError: ``--confirm`` has another name.
        ProtectedError: the environment is protected, and there is neither ``--confirm`` nor a terminal.
        DeclinedError: another name was typed.
    """
    check_name(session, name)
    if name is not None or not session.protected:
        return
    require_terminal(session)
    session.screen.close()
    session.screen.notice([((session.config.environment, "bold"), f" is protected. {consequence}")])
    if not name_is_typed(session):
        raise DeclinedError("Cancelled. Nothing was changed.")


def has_terminal() -> bool:
    """Return whether somebody can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


def require_terminal(session: Session) -> None:
    """Refuse to continue without a terminal on which the environment's name can be typed.

    Raises:
        ProtectedError: the environment is protected.
        UsageError: it is not, and the command needs its name nevertheless.
    """
    if has_terminal():
        return
    environment = session.config.environment
    if session.protected:
        raise ProtectedError(environment)
    raise UsageError("no terminal to confirm on", hint=f"use --confirm {environment}")


def name_is_typed(session: Session) -> bool:
    """Ask for the environment's name, and report whether it was typed."""
    answer = click.prompt("Type the environment's name to confirm", default="", show_default=False, err=True)
    return str(answer).strip() == session.config.environment
