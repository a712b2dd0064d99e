"""`local`: the local emulator, a process that keeps running between commands."""

from __future__ import annotations

from pipectl.config.models import Config
from pipectl.errors import LocalError
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
