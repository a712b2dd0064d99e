"""The folder of the local emulator: its record, its log, its locks."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypedDict

import platformdirs
from filelock import FileLock, Timeout

from pipectl.errors import LocalError

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
PROCESS_HEADER = "X-Pipectl-Process"
"""Names the process that answers: two emulators that start at once may have chosen the same port."""
RECORD = "local.json"
LOG = "local.log"
SECRET = "secret"  # noqa: S105 - the name of a file
MUTEX = "start.lock"
"""Held by a process that starts the server or asks whether it lives."""
ALIVE = "local.lock"
"""Held by the server for as long as it lives. The operating system releases it however the server ends."""
OWN_FILES = {*(RECORD, f"{RECORD}.new", LOG, SECRET, MUTEX, ALIVE), *("tmp", "bin", "node_modules", "python")}
PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


class Credentials(TypedDict):
    """Keyword arguments of ``boto3.Session``."""

    aws_access_key_id: str
    aws_secret_access_key: str


@dataclass(frozen=True)
class LocalEmulator:
    """A running local emulator."""

    endpoint_url: str
    port: int
    pid: int
    log: Path
    home: Path
    secret: str = field(default="", repr=False)
    python: str = ""
    """The version of Python on which it runs functions."""

    def credentials(self, account_id: str = ACCOUNT_ID) -> Credentials:
        """Return the root credentials of an account.

        Any twelve digits are an account of their own, so that several pipelines can share one emulator.
        """
        return {"aws_access_key_id": account_id, "aws_secret_access_key": self.secret}


def default_home() -> Path:
    """Return ``$PIPECTL_HOME``, else ``pipectl`` in the user's data folder.

    Raises:
        LocalError: The user has no home folder.
    """
    if own := os.environ.get("PIPECTL_HOME"):
        return Path(own)
    with contextlib.suppress(RuntimeError):  # platformdirs finds no home folder
        folder = platformdirs.user_data_path("pipectl", appauthor=False)
        if folder.is_absolute():
            return folder
    raise LocalError("the user has no home folder", hint="set the environment variable PIPECTL_HOME to a folder")


def create(home: Path) -> None:
    """Create the folder unless it exists, and close it to other users.

    Raises:
        LocalError: It cannot be created.
    """
    try:
        home.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        if {path.name for path in home.iterdir()} <= OWN_FILES:  # not a folder that has another purpose as well
            home.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise unusable(home, error) from error


def unusable(home: Path, error: OSError) -> LocalError:
    """Return the error for a folder that cannot be used."""
    return LocalError(
        f"the local emulator cannot use the folder {home}: {error.strerror}",
        hint="set the environment variable PIPECTL_HOME to another folder",
    )


@contextmanager
def mutex(home: Path) -> Iterator[None]:
    """Keep others from starting the emulator of ``home``, and from asking whether it lives.

    Raises:
        LocalError: The folder cannot be used.
    """
    create(home)
    lock = FileLock(home / MUTEX, mode=PRIVATE_FILE)
    try:
        lock.acquire(poll_interval=0.02)
    except OSError as error:
        raise unusable(home, error) from error
    try:
        yield
    finally:
        lock.release()


def hold_alive(home: Path) -> FileLock:
    """Take the lock that shows that the server lives; keep the result, for the lock ends with it.

    Raises:
        LocalError: Another server holds it.
    """
    lock = FileLock(home / ALIVE, mode=PRIVATE_FILE, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LocalError(f"another local emulator uses the folder {home}") from None
    return lock


def lives(home: Path) -> bool:
    """Return whether a server lives, healthy or not. Call with the mutex. What a dead one has left is removed."""
    try:
        with FileLock(home / ALIVE, timeout=0, mode=PRIVATE_FILE):
            (home / RECORD).unlink(missing_ok=True)
            shutil.rmtree(home / "tmp", ignore_errors=True)
            return False
    except Timeout:
        return True
    except OSError as error:
        raise unusable(home, error) from error


def write_record(home: Path, port: int) -> None:
    """Write down which process serves on which port."""
    record = {"pid": os.getpid(), "port": port, "log": str(home / LOG), "python": platform.python_version()}
    draft = home / f"{RECORD}.new"
    with open_private(draft) as file:
        file.write(json.dumps(record).encode())
    draft.replace(home / RECORD)


def recorded(home: Path) -> LocalEmulator | None:
    """Return the record of the server; it is valid only while the server lives."""
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
        port, pid, python = int(record["port"]), int(record["pid"]), str(record.get("python", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        secret = (home / SECRET).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        secret = ""
    return LocalEmulator(f"http://127.0.0.1:{port}", port, pid, home / LOG, home, secret, python)


def secret_of(home: Path) -> str:
    """Return the secret access key of every root user; a new one for a home that has none."""
    with contextlib.suppress(OSError):
        if secret := (home / SECRET).read_text(encoding="ascii").strip():
            return secret
    return write_secret(home)


def write_secret(home: Path, secret: str | None = None) -> str:
    """Write the secret access key of every root user, a random one by default, and return it."""
    secret = secret or secrets.token_urlsafe(30)
    with open_private(home / SECRET) as file:
        file.write(secret.encode())
    return secret


def open_private(path: Path) -> BinaryIO:
    """Open a file for writing that no other user can read, whatever its mode was before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
    with contextlib.suppress(OSError):
        path.chmod(PRIVATE_FILE)
    return os.fdopen(descriptor, "wb")
