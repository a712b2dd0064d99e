"""Start, find and stop the local emulator: a process of its own, on 127.0.0.1 alone, with IAM enforced.

It keeps everything in one folder, its home, and forgets everything when it is stopped. Whether it runs is told by a
file lock that the server holds for as long as it lives: the kernel takes that back however the server ends, so neither
a stale file nor another program that has inherited the process id can be taken for it.
"""

from __future__ import annotations

import fcntl
import http.client
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from pipectl.errors import LocalError

ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
DEFAULT_PORT = 4566
POLL_SECONDS = 0.02
KILLED_SECONDS = 5.0
LOG_LINES_SHOWN = 12
RECORD = "local.json"
LOG = "local.log"

KEPT_VARIABLES = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NODE_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
)
"""All that the server, and with it every function, gets to see of the user's environment: no AWS setting, no proxy."""


@dataclass(frozen=True)
class LocalEmulator:
    """A running local emulator."""

    endpoint_url: str
    port: int
    pid: int
    log: Path
    home: Path


def home() -> Path:
    """The folder of the local emulator: ``$PIPECTL_HOME``, else ``pipectl`` in the user's data folder."""
    if own := os.environ.get("PIPECTL_HOME"):
        return Path(own)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "pipectl"


class Credentials(TypedDict):
    """Keyword arguments of ``boto3.Session``."""

    aws_access_key_id: str
    aws_secret_access_key: str


def credentials(account_id: str = ACCOUNT_ID) -> Credentials:
    """The root credentials of an account there.

    Any twelve digits are an account of their own, so that several pipelines can share one server and not meet.
    """
    return {"aws_access_key_id": account_id, "aws_secret_access_key": "test"}


def start(home: Path, *, port: int | None = None, consolidate: bool = False, timeout: float = 30) -> LocalEmulator:
    """The local emulator of ``home``: the one that runs, else a new one, which then outlives this process.

    Args:
        home: Its folder; made if it is not there.
        port: Where to listen; without one 4566, and any free port if that is taken.
        consolidate: Report failures of one batch in one message, as Lambda may do. Heeded only when a new one starts.
        timeout: Seconds until it has to answer.

    Raises:
        LocalError: MiniStack is not installed, the port is taken, or the server has died or does not answer.
    """
    home = home.absolute()
    deadline = time.monotonic() + timeout
    while True:
        with _lock(home, fcntl.LOCK_EX) as lock:
            if lock is not None:
                _clean_up(home)
                server = _launch(home, lock, port=_choose(port), consolidate=consolidate)
        if lock is not None:
            return _await_health(server, deadline)
        # Somebody else has started it, or is just about to.
        if (running := _recorded(home)) and _healthy(running.port):
            return running
        if time.monotonic() > deadline:
            raise _not_answering(home / LOG)
        time.sleep(POLL_SECONDS)


def status(home: Path) -> LocalEmulator | None:
    """The local emulator of ``home`` if it runs and answers. What a dead one has left behind is removed."""
    home = home.absolute()
    running = _recorded(home) if _runs(home) else None
    return running if running and _healthy(running.port) else None


def stop(home: Path, timeout: float = 10) -> bool:
    """End the local emulator of ``home`` and all its functions, and forget what it held. False if none was running.

    Raises:
        LocalError: It is still there after having been killed.
    """
    home = home.absolute()
    while _runs(home):
        if running := _recorded(home):
            _end(running, timeout)
            return True
        time.sleep(POLL_SECONDS)  # it is just being started, and has not yet been written down
    return False


@contextmanager
def temporary(*, consolidate: bool = False, timeout: float = 30) -> Iterator[LocalEmulator]:
    """A local emulator in a folder of its own, on a free port, that outlives neither the block nor this process.

    Raises:
        LocalError: As ``start``.
    """
    folder = Path(tempfile.mkdtemp(prefix="pipectl-"))
    # The server watches its end of the pipe, which the kernel closes even when this process is killed.
    reader, writer = os.pipe()
    try:
        with _lock(folder, fcntl.LOCK_EX) as lock:
            assert lock is not None  # noqa: S101 - nobody else knows this folder
            server = _launch(folder, lock, port=_free_port(), consolidate=consolidate, tether=reader)
        yield _await_health(server, time.monotonic() + timeout)
    finally:
        try:
            if running := _recorded(folder):
                _end(running, 0)
        finally:
            os.close(reader)
            os.close(writer)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lock(home: Path, kind: int) -> Iterator[int | None]:
    """The lock of ``home`` as a file descriptor, or ``None`` when it is held by the server or by one who starts it.

    To start takes it exclusively, and the server inherits it. Merely to look shares it, so that one who looks is never
    taken for a server.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home / "local.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalError(
            f"The local emulator cannot use the folder {home}: {error.strerror}.",
            hint="Name another with the environment variable PIPECTL_HOME.",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _runs(home: Path) -> bool:
    """Whether a server lives, be it healthy or not. If none does, what the last one has left behind is removed."""
    if not home.is_dir():
        return False
    with _lock(home, fcntl.LOCK_SH) as lock:
        if lock is not None:
            _clean_up(home)
        return lock is None


def _clean_up(home: Path) -> None:
    (home / RECORD).unlink(missing_ok=True)
    shutil.rmtree(home / "tmp", ignore_errors=True)


def _launch(home: Path, lock: int, *, port: int, consolidate: bool, tether: int = subprocess.DEVNULL) -> LocalEmulator:
    if importlib.util.find_spec("ministack") is None:
        raise LocalError(
            "The local emulator needs MiniStack, which is not installed.", hint="pip install 'pipectl[local]'"
        )
    (home / "tmp").mkdir(exist_ok=True)
    environment = _environment(home, port, consolidate=consolidate, tethered=tether != subprocess.DEVNULL)
    with (home / LOG).open("wb") as log:
        process = subprocess.Popen(
            # -P: its folder is where it runs, not where it imports from.
            [sys.executable, "-P", "-m", "pipectl.local.server"],
            stdin=tether,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=environment,
            start_new_session=True,
            pass_fds=(lock,),
        )
    process.returncode = 0  # it is meant to outlive us: let Popen neither wait for it nor warn
    return _emulator(home, port, process.pid)


def _environment(home: Path, port: int, *, consolidate: bool, tethered: bool) -> dict[str, str]:
    """The server's environment. MiniStack hands its own to every function, so the user's credentials stay out."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
    if search_path := kept.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in search_path.split(os.pathsep))
    temporary_files = str(home / "tmp")
    return kept | {
        # Where `node.provide` puts Node.js, be it before or after the server starts.
        "PATH": os.pathsep.join([str(home / "bin"), kept.get("PATH", os.defpath)]),
        "PIPECTL_HOME": str(home),
        "PIPECTL_LOCAL_CONSOLIDATE": str(int(consolidate)),
        "PIPECTL_LOCAL_TETHERED": str(int(tethered)),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "0",
        "TMPDIR": temporary_files,
        "STATE_DIR": temporary_files,
        "S3_DATA_DIR": temporary_files,
        # Its listeners for other services would bind more than loopback, and Docker is none of our business.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{temporary_files}/no-docker.sock",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LOG_LEVEL": "INFO",
    }


def write_record(home: Path, port: int) -> None:
    """Write down who serves. The server does it itself, so that one that lives is never without a record for long."""
    draft = home / f"{RECORD}.new"
    draft.write_text(json.dumps({"pid": os.getpid(), "port": port, "log": str(home / LOG)}), encoding="utf-8")
    draft.replace(home / RECORD)


def _recorded(home: Path) -> LocalEmulator | None:
    """What is written about the server; true only while the lock is held."""
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
        return _emulator(home, int(record["port"]), int(record["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _emulator(home: Path, port: int, pid: int) -> LocalEmulator:
    return LocalEmulator(endpoint_url=f"http://127.0.0.1:{port}", port=port, pid=pid, log=home / LOG, home=home)


def _await_health(server: LocalEmulator, deadline: float) -> LocalEmulator:
    while not _healthy(server.port):
        if not _runs(server.home):
            raise LocalError(
                f"The local emulator has ended while it was starting:\n{_last_lines(server.log)}",
                hint=f"All of its output is in {server.log}.",
            )
        if time.monotonic() > deadline:
            _end(server, 0)
            raise _not_answering(server.log)
        time.sleep(POLL_SECONDS)
    return server


def _healthy(port: int) -> bool:
    # Not urllib: it would ask the user's proxy.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _not_answering(log: Path) -> LocalError:
    return LocalError(
        f"The local emulator does not answer:\n{_last_lines(log)}",
        hint=f"All of its output is in {log}. Stop it with `pipectl local stop` and try again.",
    )


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def _end(server: LocalEmulator, patience: float) -> None:
    """Ask the server and its functions to end, kill them if they have not after ``patience`` seconds, clean up."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, KILLED_SECONDS)):
        if seconds:
            _signal_group(server.pid, number)
            if _released(server.home, time.monotonic() + seconds):
                break
    else:
        raise LocalError(f"The local emulator (process {server.pid}) does not end.", hint="End it by hand.")
    _signal_group(server.pid, signal.SIGKILL)  # functions that are still busy
    with suppress(ChildProcessError):
        os.waitpid(server.pid, 0)


def _released(home: Path, deadline: float) -> bool:
    while _runs(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _choose(port: int | None) -> int:
    if port is None:
        return DEFAULT_PORT if _is_free(DEFAULT_PORT) else _free_port()
    if not _is_free(port):
        raise LocalError(f"Port {port} is taken.", hint="Choose another, or none: then a free one is found.")
    return port


def _free_port() -> int:
    # Below the range from which the kernel gives out ports by itself, so that none is taken between now and the start.
    while not _is_free(port := 15_000 + secrets.randbelow(17_000)):
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    # One who listens on all addresses does not keep us, on every system, from binding this one.
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0
