"""`local`: the local emulator as a process that stays."""

from __future__ import annotations

from typing import Any

from pipectl.config.models import Config
from pipectl.local import lifecycle, node
from pipectl.local.lifecycle import LocalEmulator

Answer = tuple[dict[str, Any], str]
"""The same result as a document and as words."""


def endpoint(config: Config | None = None) -> LocalEmulator:
    """The local emulator that ``--local`` means; started if it is not up, and with what the config's functions need.

    Raises:
        LocalError: it does not start, or a function's runtime is not there.
    """
    running = lifecycle.start(lifecycle.home())
    if config is not None:
        provide_runtimes(running, config)
    return running


def provide_runtimes(running: LocalEmulator, config: Config) -> None:
    """What the config's functions need to run there; Python is what pipectl itself runs on.

    Raises:
        LocalError: it is not installed.
    """
    if "nodejs" in (config.processor.language, config.auditor.language):
        node.provide(running.home)


def start() -> Answer:
    running = endpoint()
    return _document(
        running
    ), f"The local emulator is running at {running.endpoint_url} (pid {running.pid}, log {running.log})."


def stop() -> Answer:
    stopped = lifecycle.stop(lifecycle.home())
    words = (
        "The local emulator is stopped; what was in it is gone." if stopped else "The local emulator was not running."
    )
    return {"running": False, "stopped": stopped}, words


def status() -> Answer:
    running = lifecycle.status(lifecycle.home())
    if running is None:
        return {"running": False}, "The local emulator is not running; `pipectl local start` starts it."
    return _document(
        running
    ), f"The local emulator is running at {running.endpoint_url} (pid {running.pid}, log {running.log})."


def _document(running: LocalEmulator) -> dict[str, Any]:
    return {
        "running": True,
        "endpointUrl": running.endpoint_url,
        "port": running.port,
        "pid": running.pid,
        "log": str(running.log),
        "home": str(running.home),
    }
