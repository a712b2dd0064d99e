"""`local`: the local emulator, a process that keeps running between commands."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass

from pipectl.config.models import Config
from pipectl.errors import LocalError
from pipectl.local import home, lifecycle, node
from pipectl.local.home import LocalEmulator


@dataclass(frozen=True)
class RuntimeDifference:
    """A ``runtime`` of the config, and what the local emulator has ``used`` instead, such as ``Python 3.11``."""

    runtime: str
    used: str


def start(config: Config | None = None) -> LocalEmulator:
    """Start the local emulator unless it is running, and provide what the config's functions need.

    Raises:
        LocalError: it does not start, or a function's runtime is not installed.
    """
    running = lifecycle.start(home.default_home())
    if config is not None:
        provide_runtimes(running, config)
    return running


def provide_runtimes(running: LocalEmulator, config: Config) -> None:
    """Provide what the config's functions need to run there; Python functions run on pipectl's own Python.

    Raises:
        LocalError: it is not installed.
    """
    if "nodejs" in (config.processor.language, config.auditor.language):
        node.provide(running.home)


def languages(running: LocalEmulator) -> dict[str, str]:
    """Return the versions of ``python`` and ``nodejs`` on which functions run there."""
    found = {"python": running.python} if running.python else {}
    with suppress(LocalError):
        if node.provided(running.home).exists():
            found["nodejs"] = node.find().version
    return found


def differing_runtimes(config: Config) -> list[RuntimeDifference]:
    """Return the runtimes of the config that the local emulator runs on another version of their language."""
    running = home.recorded(home.default_home())
    python = (running and running.python) or platform.python_version()
    return [
        RuntimeDifference(runtime, used)
        for runtime in dict.fromkeys((config.processor.runtime, config.auditor.runtime))
        if (used := _differing(runtime, python))
    ]


def _differing(runtime: str, python: str) -> str | None:
    """Return the version that is used, unless it is that of the runtime."""
    if runtime.startswith("python"):
        used = ".".join(python.split(".")[:2])
        return None if runtime == f"python{used}" else f"Python {used}"
    try:
        used = node.find().version.split(".")[0]
    except LocalError:
        return None  # reported where it is needed
    return None if runtime == f"nodejs{used}.x" else f"Node.js {used}"


def stop() -> bool:
    """Stop the local emulator and delete its contents. Return whether it was running."""
    return lifecycle.stop(home.default_home())


def environment() -> dict[str, str]:
    """Return the environment variables with which an AWS SDK uses the running local emulator.

    Raises:
        LocalError: it is not running.
    """
    running = status()
    if running is None:
        raise LocalError("the local emulator is not running", hint="start it with `pipectl local start`")
    keys = running.credentials()
    return {
        "AWS_ENDPOINT_URL": running.endpoint_url,
        "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
        "AWS_REGION": home.REGION,
        "AWS_DEFAULT_REGION": home.REGION,
    }


def status() -> LocalEmulator | None:
    """Return the running local emulator, or ``None``."""
    return lifecycle.status(home.default_home())
