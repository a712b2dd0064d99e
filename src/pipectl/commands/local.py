"""`local`: the local emulator, a process that keeps running between commands."""

from __future__ import annotations

from pipectl.config.models import Config
from pipectl.local import home, lifecycle, node
from pipectl.local.home import LocalEmulator


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


def stop() -> bool:
    """Stop the local emulator and delete its contents. Return whether it was running."""
    return lifecycle.stop(home.default_home())


def status() -> LocalEmulator | None:
    """Return the running local emulator, or ``None``."""
    return lifecycle.status(home.default_home())
