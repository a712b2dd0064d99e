"""The results of `local`."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipectl.output.console import Screen
from pipectl.output.serializer import dumps

if TYPE_CHECKING:
    from pipectl.commands.local import RuntimeDifference
    from pipectl.local.home import LocalEmulator


_NAMES = {"python": "Python", "nodejs": "Node.js"}


def status(screen: Screen, running: LocalEmulator | None, languages: Mapping[str, str]) -> None:
    """Print the address.

    Args:
        screen: The screen.
        running: The local emulator, if it runs.
        languages: The versions of ``python`` and ``nodejs`` on which functions run there.
    """
    if running is None:
        if screen.json_output:
            screen.document({"running": False})
        else:
            screen.line(f"The local emulator is not running. {screen.completed('`pipectl local start` starts it.')}")
    elif screen.json_output:
        screen.document(
            {
                "running": True,
                "endpointUrl": running.endpoint_url,
                "port": running.port,
                "pid": running.pid,
                "log": running.log,
                "home": running.home,
                "languages": dict(languages),
            }
        )
    else:
        where = f"{running.endpoint_url} (pid {running.pid}, log {running.log})"
        screen.line(f"The local emulator is running at {where}.")
        if languages:
            names = " and ".join(f"{_NAMES[name]} {version}" for name, version in languages.items())
            screen.line(f"Functions run on {names}.")


def differing_runtimes(screen: Screen, differences: Iterable[RuntimeDifference]) -> list[str]:
    """Print a line for each runtime that runs on another version. Return the lines."""
    lines = [f"Functions run on {each.used} here, and on {each.runtime} on AWS." for each in differences]
    for line in lines:
        screen.note(line)
    return lines


def environment(screen: Screen, variables: Mapping[str, str]) -> None:
    """Print the variables as commands for a shell, or as JSON."""
    commands = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    for line in dumps(variables).split("\n") if screen.json_output else commands:
        screen.credentials(line)


def stopped(screen: Screen, was_running: bool) -> None:
    if screen.json_output:
        screen.document({"running": False, "stopped": was_running})
    elif was_running:
        screen.line("The local emulator is stopped and its contents are deleted.")
    else:
        screen.line("The local emulator was not running.")
