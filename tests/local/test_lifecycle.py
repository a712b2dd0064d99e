"""Start, find and stop the local emulator."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from pipectl.errors import LocalError
from pipectl.local import home as home_folder
from pipectl.local import lifecycle
from pipectl.local.gateway import is_loopback
from pipectl.local.home import REGION, LocalEmulator
from pipectl.local.lifecycle import start, status, stop, temporary
from tests.local.small_pipeline import eventually, free_port, policy, zipped

RECORD = "local.json"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    stop(folder, timeout=0)


@pytest.fixture
def port() -> int:
    """A port that no other test uses; the default one is shared by all tests that run at the same time."""
    return free_port()


def alive(pid: int) -> bool:
    """Return true while the process runs; one that has ended and was not yet reaped does not."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def fake_ministack(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Let the server import another MiniStack."""
    (folder / "ministack").mkdir(parents=True)
    (folder / "ministack" / "__init__.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


class TestHome:
    def test_is_set_by_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PIPECTL_HOME", "/own")
        monkeypatch.setenv("XDG_DATA_HOME", "/data")
        assert home_folder.default_home() == Path("/own")

    def test_is_in_the_data_folder_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PIPECTL_HOME", raising=False)
        monkeypatch.setenv("XDG_DATA_HOME", "/data")
        assert home_folder.default_home() == Path("/data/pipectl")
        monkeypatch.delenv("XDG_DATA_HOME")
        monkeypatch.setenv("HOME", "/users/me")
        assert home_folder.default_home() == Path("/users/me/.local/share/pipectl")


@pytest.mark.emulator
class TestStart:
    def test_starts_one_that_status_finds_and_stop_ends(self, home: Path, port: int) -> None:
        running = start(home, port=port)
        expected = LocalEmulator(
            endpoint_url=f"http://127.0.0.1:{port}",
            port=port,
            pid=running.pid,
            log=home / "local.log",
            home=home,
            secret=(home / "secret").read_text(),
            python=platform.python_version(),
        )
        assert running == expected
        assert json.loads((home / RECORD).read_text()) == {
            "pid": running.pid,
            "port": port,
            "log": str(home / "local.log"),
            "python": platform.python_version(),
        }
        assert status(home) == running
        assert start(home) == running
        assert stop(home) is True
        assert status(home) is None
        assert not alive(running.pid)
        assert not answers(port)
        assert stop(home) is False
        assert {path.name for path in home.iterdir()} == {"local.lock", "local.log", "python", "secret", "start.lock"}

    def test_starts_a_single_one_for_many_callers_at_once(self, home: Path, port: int) -> None:
        with ThreadPoolExecutor(8) as threads:
            running = list(threads.map(lambda _: start(home, port=port), range(8)))
        assert len(set(running)) == 1

    def test_outlives_the_process_that_started_it(self, home: Path, port: int) -> None:
        script = "import pathlib, sys; from pipectl.local.lifecycle import start; "
        script += "start(pathlib.Path(sys.argv[1]), port=int(sys.argv[2]))"
        subprocess.run([sys.executable, "-c", script, str(home), str(port)], check=True)
        assert (running := status(home))
        assert stop(home)
        assert not alive(running.pid)

    def test_takes_another_port_when_the_usual_one_is_taken(self, home: Path) -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                other.bind(("127.0.0.1", lifecycle.DEFAULT_PORT))
                other.listen()
            except OSError:
                pass  # taken it is
            assert start(home).port != lifecycle.DEFAULT_PORT

    def test_takes_another_port_when_the_chosen_one_is_taken_meanwhile(self, home: Path) -> None:
        with ThreadPoolExecutor(2) as threads:
            homes = [home, home.with_name("other")]
            running = list(threads.map(start, homes))
        try:
            assert running[0].port != running[1].port
        finally:
            stop(homes[1], timeout=0)

    @pytest.mark.parametrize("content", ['{"pid": %d, "port": %d, "log": ""}', "not even JSON"])
    def test_ignores_the_record_of_a_dead_server_and_notices_a_kill(self, home: Path, port: int, content: str) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
        ) as other:
            home.mkdir()
            record = content % (other.pid, port) if "%" in content else content
            (home / RECORD).write_text(record)
            assert status(home) is None
            assert not (home / RECORD).exists()
            (home / RECORD).write_text(record)
            assert stop(home) is False
            (home / RECORD).write_text(record)
            started = start(home, port=port)
            assert started.pid != other.pid
            assert other.poll() is None
            other.kill()
        os.kill(started.pid, signal.SIGKILL)
        assert eventually(lambda: status(home), lambda found: found is None) is None


class TestStartFails:
    def test_when_the_port_is_taken(self, home: Path) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            with pytest.raises(LocalError, match=f"port {taken} is taken"):
                start(home, port=taken)
        assert status(home) is None

    def test_when_ministack_is_not_installed(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "ministack", None)
        with pytest.raises(LocalError, match="not installed") as caught:
            start(home)
        assert caught.value.hint == "pip install 'pipectl-aws[local]'"

    def test_when_it_ends_and_shows_its_last_lines(
        self, home: Path, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_ministack(tmp_path / "fake", monkeypatch, "raise RuntimeError('no such luck')")
        with pytest.raises(LocalError, match="no such luck") as caught:
            start(home, port=port)
        assert str(home / "local.log") in (caught.value.hint or "")
        assert status(home) is None

    def test_when_it_does_not_answer_and_is_ended(
        self, home: Path, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake_ministack(tmp_path / "fake", monkeypatch, "import time; time.sleep(60)")
        with pytest.raises(LocalError, match="does not answer"):
            start(home, port=port, timeout=0.5)
        assert status(home) is None

    def test_when_the_home_cannot_be_created(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(LocalError, match="cannot use the folder"):
            start(tmp_path / "file" / "home")


def test_status_and_stop_create_no_folder(home: Path) -> None:
    assert status(home) is None
    assert stop(home) is False
    assert not home.exists()


@pytest.mark.emulator
class TestStop:
    def test_kills_a_server_that_does_not_react(self, home: Path, port: int) -> None:
        running = start(home, port=port)
        os.kill(running.pid, signal.SIGSTOP)
        assert stop(home, timeout=0.2) is True
        assert not alive(running.pid)


@pytest.mark.emulator
class TestTemporary:
    def test_leaves_nothing_behind_after_an_interruption(self) -> None:
        def interrupted(port: int) -> None:
            assert answers(port)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), temporary() as aws:
            interrupted(aws.port)
        assert not alive(aws.pid)
        assert not aws.home.exists()

    def test_ends_with_its_parent_even_if_that_is_killed(self) -> None:
        script = "from pipectl.local.lifecycle import temporary\n"
        script += "with temporary() as aws: print(aws.pid, aws.home, flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            assert parent.stdout
            pid, folder = parent.stdout.readline().decode().split()
            assert alive(int(pid))
            parent.kill()
        assert not eventually(lambda: alive(int(pid)), lambda lives: not lives)
        assert not Path(folder).exists()


@pytest.mark.emulator
def test_functions_see_nothing_of_the_users_credentials_and_end_with_the_emulator(
    home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = {
        "AWS_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAUSER",
        "AWS_SECRET_ACCESS_KEY": "users-secret",
        "AWS_ENDPOINT_URL": "https://users.example",
        "AWS_CA_BUNDLE": "/users/ca.pem",
        "HTTP_PROXY": "http://users.example:1",
        "USERS_SECRET": "users-secret",
    }
    with monkeypatch.context() as environment:
        for name, value in users.items():
            environment.setenv(name, value)
        running = start(home, port=port)
    seen = invoke(running, "import os\ndef handler(event, context): return {**os.environ, 'worker': os.getpid()}")
    assert isinstance(seen, dict)
    worker = seen.pop("worker")
    assert isinstance(worker, int)
    assert alive(worker)
    assert not set(users.values()) & set(seen.values())
    assert seen["AWS_ENDPOINT_URL"] == running.endpoint_url
    assert seen["AWS_CONFIG_FILE"] == os.devnull
    assert stop(home)
    assert not eventually(lambda: alive(worker), lambda lives: not lives)
    assert not (home / "tmp").exists()


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("192.168.1.7", False), ("not an address", False)],
)
def test_plain_http_counts_as_tls_on_loopback_alone(address: str, own: bool) -> None:
    assert is_loopback(address) is own


def invoke(aws: LocalEmulator, source: str) -> object:
    """Create a function from the source, invoke it, and return its result."""
    session = boto3.Session(region_name=REGION, **aws.credentials())
    trust = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    iam = session.client("iam", endpoint_url=aws.endpoint_url)
    role = iam.create_role(RoleName="probe", AssumeRolePolicyDocument=trust)["Role"]
    lambdas = session.client("lambda", endpoint_url=aws.endpoint_url)
    lambdas.create_function(
        FunctionName="probe",
        Runtime="python3.12",
        Handler="index.handler",
        Role=role["Arn"],
        Code={"ZipFile": zipped(source)},
    )
    return json.load(lambdas.invoke(FunctionName="probe")["Payload"])
