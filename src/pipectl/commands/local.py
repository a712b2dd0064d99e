"""`local`: the embedded AWS as a process that stays."""

from __future__ import annotations

from typing import Any

from pipectl.local import lifecycle
from pipectl.local.lifecycle import LocalAws

Answer = tuple[dict[str, Any], str]
"""The same result as a document and as words."""


def endpoint() -> LocalAws:
    """The embedded AWS that ``--local`` means; started if it is not up."""
    return lifecycle.start(lifecycle.home())


def start() -> Answer:
    running = endpoint()
    return _document(
        running
    ), f"The embedded AWS is running at {running.endpoint_url} (pid {running.pid}, log {running.log})."


def stop() -> Answer:
    stopped = lifecycle.stop(lifecycle.home())
    words = "The embedded AWS is stopped; what was in it is gone." if stopped else "The embedded AWS was not running."
    return {"running": False, "stopped": stopped}, words


def status() -> Answer:
    running = lifecycle.status(lifecycle.home())
    if running is None:
        return {"running": False}, "The embedded AWS is not running; `pipectl local start` starts it."
    return _document(
        running
    ), f"The embedded AWS is running at {running.endpoint_url} (pid {running.pid}, log {running.log})."


def _document(running: LocalAws) -> dict[str, Any]:
    return {
        "running": True,
        "endpointUrl": running.endpoint_url,
        "port": running.port,
        "pid": running.pid,
        "log": str(running.log),
        "home": str(running.home),
    }
