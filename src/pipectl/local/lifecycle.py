"""Start, find and stop the local emulator: a process of its own, on 127.0.0.1 alone, with IAM enforced.

It keeps everything in one folder, its home, and loses its contents when it is stopped. A file lock that the server
holds for as long as it lives shows that it runs: the operating system releases it however the server ends, so neither a
stale file nor another program with the same process id is taken for the server.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipectl.errors import LocalError
from pipectl.local import home as home_folder
from pipectl.local import processes, python_environment
from pipectl.local.harshness import KIND, VARIABLE, Harshness
from pipectl.local.home import ALIVE, LOG, PROCESS_HEADER, RECORD, REGION, LocalEmulator

DEFAULT_PORT = 4566
POLL_SECONDS = 0.02
KILLED_SECONDS = 5.0
LOG_LINES_SHOWN = 12

KEPT_VARIABLES = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ"),
    *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "WINDIR"),
)
"""The part of the user's environment that the server sees: no AWS setting, no proxy. Functions see none of it."""


def start(home: Path, *, port: int | None = None, timeout: float = 30) -> LocalEmulator:
    """Return the local emulator of ``home``: the one that runs, else a new one, which then outlives this process.

    Args:
        home: Its folder; created if it does not exist.
        port: The port to listen on; without one 4566, and any free port if that is taken.
        timeout: Seconds until it has to answer.

    Raises:
        LocalError: MiniStack is not installed, the port is taken, or the server has ended or does not answer.
    """
    home = home.absolute()
    deadline = time.monotonic() + timeout
    while True:
        with home_folder.mutex(home):
            if not home_folder.lives(home):
                return _start_on_free_port(home, port, deadline)
            running = home_folder.recorded(home)
        if running and _healthy(running):
            return running
        if time.monotonic() > deadline:
            raise _not_answering(home / LOG)
        time.sleep(POLL_SECONDS)


def _start_on_free_port(home: Path, port: int | None, deadline: float) -> LocalEmulator:
    """Start the server; on another port when another process has taken the first one meanwhile. Call with the mutex.

    A port that another server has bound but does not listen on yet looks free, so every failed start is repeated once.
    """
    try:
        return _launch(home, deadline, port=_choose(port))
    except LocalError:
        if port is not None:
            raise
        return _launch(home, deadline, port=_free_port())


def status(home: Path) -> LocalEmulator | None:
    """Return the local emulator of ``home`` if it runs and answers. What a dead one has left is removed."""
    home = home.absolute()
    running = home_folder.recorded(home) if _lives(home) else None
    return running if running and _healthy(running) else None


def stop(home: Path, timeout: float = 10) -> bool:
    """End the local emulator of ``home`` and all its functions; its contents are lost.

    Returns false if none was running.

    Raises:
        LocalError: It has not ended although it was killed.
    """
    home = home.absolute()
    if not _lives(home):
        return False
    if running := home_folder.recorded(home):
        _end(running, timeout)
        return True
    raise LocalError(
        f"the local emulator in {home} runs, but its record {home / RECORD} cannot be read",
        hint=f"`kill PID` stops it; `fuser {home / ALIVE}` prints its PID",
    )


@contextmanager
def temporary(
    harshness: Harshness = KIND, *, timeout: float = 30, secret: str | None = None
) -> Iterator[LocalEmulator]:
    """Run a local emulator in a temporary folder, on a free port, until the end of the block or of this process.

    Args:
        harshness: Options that make it as unpleasant as AWS can be.
        timeout: As for `start`.
        secret: The secret access key of its root users; without one a random one.

    Raises:
        LocalError: As for `start`.
    """
    home = Path(tempfile.mkdtemp(prefix="pipectl-"))
    # The server watches its end of the pipe, which the operating system closes even when this process is killed.
    reader, writer = os.pipe()
    try:
        home_folder.write_secret(home, secret)
        with home_folder.mutex(home):
            deadline = time.monotonic() + timeout
            running = _launch(home, deadline, port=_free_port(), harshness=harshness, tether=reader)
        yield running
    finally:
        try:
            if server := home_folder.recorded(home):
                _end(server, 0)
        finally:
            os.close(reader)
            os.close(writer)
            shutil.rmtree(home, ignore_errors=True)


def _lives(home: Path) -> bool:
    if not home.is_dir():
        return False
    with home_folder.mutex(home):
        return home_folder.lives(home)


def _launch(
    home: Path, deadline: float, *, port: int, harshness: Harshness = KIND, tether: int = subprocess.DEVNULL
) -> LocalEmulator:
    """Start the server and wait until it answers. Call with the mutex."""
    if importlib.util.find_spec("ministack") is None:
        raise LocalError(
            "the local emulator needs MiniStack, which is not installed", hint="pip install 'pipectl-aws[local]'"
        )
    (home / "tmp").mkdir(mode=home_folder.PRIVATE_FOLDER, exist_ok=True)
    home_folder.secret_of(home)  # so that it exists before the server starts
    with home_folder.open_private(home / LOG) as log:
        process = processes.start(
            # -P: its folder is where it runs, not where it imports from.
            [sys.executable, "-P", "-m", "pipectl.local.server"],
            folder=home,
            environment=_environment(home, port, harshness, tethered=tether != subprocess.DEVNULL),
            output=log,
            tether=tether,
        )
    try:
        python_environment.create(home)  # meanwhile
    except LocalError:
        process.kill()
        process.wait()
        raise
    while (running := home_folder.recorded(home)) is None:
        if process.poll() is not None:
            raise _ended(home / LOG)
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise _not_answering(home / LOG)
        time.sleep(POLL_SECONDS)
    process.returncode = 0  # it is meant to outlive this process: Popen neither waits for it nor warns
    return _await_health(running, deadline)


def _environment(home: Path, port: int, harshness: Harshness, *, tethered: bool) -> dict[str, str]:
    """Return the server's environment, without the user's credentials."""
    kept = {name: value for name, value in os.environ.items() if name.upper() in KEPT_VARIABLES}
    if search_path := kept.get("PYTHONPATH"):
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in search_path.split(os.pathsep))
    temporary_files = str(home / "tmp")
    return kept | {
        "PIPECTL_HOME": str(home),
        VARIABLE: harshness.to_text(),
        "PIPECTL_LOCAL_TETHERED": str(int(tethered)),
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "0",
        "TMPDIR": temporary_files,
        "TEMP": temporary_files,
        "TMP": temporary_files,
        "STATE_DIR": temporary_files,
        "S3_DATA_DIR": temporary_files,
        # Its listeners for other services would bind more than loopback, and Docker is not used.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{temporary_files}/no-docker.sock",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LOG_LEVEL": "INFO",
        "PYTHONUTF8": "1",  # functions write UTF-8
    }


def _await_health(server: LocalEmulator, deadline: float) -> LocalEmulator:
    """Wait until the server answers. Call with the mutex."""
    while not _healthy(server):
        if not home_folder.lives(server.home):
            raise _ended(server.log)
        if time.monotonic() > deadline:
            processes.kill(server.pid)
            processes.reap(server.pid)
            raise _not_answering(server.log)
        time.sleep(POLL_SECONDS)
    return server


def _healthy(server: LocalEmulator) -> bool:
    """Return whether this very server answers: another one may listen on the port that both have chosen."""
    # Not urllib: it would ask the user's proxy.
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        response = connection.getresponse()
        return response.status == http.HTTPStatus.OK and response.getheader(PROCESS_HEADER) == str(server.pid)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _ended(log: Path) -> LocalError:
    return LocalError(
        f"the local emulator has ended while it was starting:\n{_last_lines(log)}", hint=f"its output is in {log}"
    )


def _not_answering(log: Path) -> LocalError:
    return LocalError(
        f"the local emulator does not answer:\n{_last_lines(log)}",
        hint=f"its output is in {log}; stop it with `pipectl local stop` and try again",
    )


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_LINES_SHOWN:])


def _end(server: LocalEmulator, patience: float) -> None:
    """Ask the server and its functions to end, kill them if they have not after ``patience`` seconds."""
    for end, seconds in ((processes.ask_to_end, patience), (processes.kill, KILLED_SECONDS)):
        if seconds:
            end(server.pid)
            if _released(server.home, time.monotonic() + seconds):
                break
    else:
        raise LocalError(
            f"the local emulator (process {server.pid}) does not end", hint=f"`kill -9 {server.pid}` ends it"
        )
    processes.kill(server.pid)  # functions that are still busy
    processes.reap(server.pid)


def _released(home: Path, deadline: float) -> bool:
    while _lives(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _choose(port: int | None) -> int:
    if port is None:
        return DEFAULT_PORT if _is_free(DEFAULT_PORT) else _free_port()
    if not _is_free(port):
        raise LocalError(f"port {port} is taken", hint="choose another port, or none to use a free one")
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
    # On some systems a listener on all addresses does not prevent a bind to this one.
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0
