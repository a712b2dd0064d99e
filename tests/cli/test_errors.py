"""Situations in which a command fails: the code of the error, what its message names, and its hint."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
from click.testing import CliRunner, Result

from pipectl.cli.main import main as pipectl
from pipectl.cli.options import Globals
from pipectl.cli.session import Session, run
from pipectl.clock import SystemClock
from pipectl.local.home import LocalEmulator
from tests.support import POLL_SECONDS, ROOT, THOROUGH, new_account, write_config

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
NO_KEYS = dict.fromkeys(KEYS, "")
HTML = "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"
ACCOUNT = new_account()


class _Answer(BaseHTTPRequestHandler):
    """A server that gives one answer to every request and records the requests."""

    status: ClassVar[int]
    kind: ClassVar[str]
    body: ClassVar[bytes]
    asked: ClassVar[list[str]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append(f"{self.command} {self.path} {self.headers.get('X-Amz-Target', '')}")
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST  # noqa: N815 - the names of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Keep quiet."""


@pytest.fixture
def answering() -> Iterator[Callable[[int, str, str], tuple[str, list[str]]]]:
    """Start a server that gives one answer to every request. Return its address and the requests."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, kind: str, body: str) -> tuple[str, list[str]]:
        asked: list[str] = []
        handler = type("Handler", (_Answer,), {"status": status, "kind": kind, "body": body.encode(), "asked": asked})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def _run(words: list[str], file: Path, **environment: str) -> Result:
    return CliRunner().invoke(pipectl, ["-c", str(file), "-o", "json", *words], env={**KEYS, **environment})


def _sts_error(code: str, message: str) -> str:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )


@dataclass(frozen=True)
class Situation:
    """A command that fails.

    Attributes:
        error: Code of the error.
        names: Data that the message has to name.
        advises: A word of the hint.
        words: The command.
        environment: Additional environment variables.
        config: Changes of the config.
        code: Exit code.
    """

    error: str
    names: list[str]
    advises: str
    words: list[str] = field(default_factory=lambda: ["up", "--yes"])
    environment: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    code: int = 1


AT_ONCE = {
    "no credentials": Situation("Credentials", [], "aws configure", environment=NO_KEYS),
    "half of the credentials": Situation(
        "Credentials", ["AWS_SECRET_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY", environment={"AWS_SECRET_ACCESS_KEY": ""}
    ),
    "an unknown profile": Situation("Credentials", ["nowhere"], "AWS_PROFILE", ["--profile", "nowhere", "status"]),
    "an unknown profile in the environment": Situation(
        "Credentials", ["nowhere"], "AWS_PROFILE", ["plan"], environment={"AWS_PROFILE": "nowhere"}
    ),
    "an unknown region": Situation("Usage", ["moon-1", "us-east-1"], "", ["--region", "moon-1", "up"], code=2),
    "no region anywhere": Situation("Usage", [], "AWS_REGION", ["plan"], config={"region": None}, code=2),
    "local and an address": Situation(
        "Usage", ["--local", "--endpoint-url"], "", ["--local", "--endpoint-url", "http://127.0.0.1:1", "up"], code=2
    ),
    "keep and delete": Situation(
        "Usage", ["--keep-data", "--delete-data"], "", ["down", "--keep-data", "--delete-data"], code=2
    ),
    "an address without a scheme": Situation(
        "Usage", ["127.0.0.1:1"], "--endpoint-url", ["--endpoint-url", "127.0.0.1:1", "status"], code=2
    ),
    "an endpoint that refuses connections": Situation(
        "Unreachable", ["127.0.0.1:1"], "--endpoint-url", ["--endpoint-url", "http://127.0.0.1:1", "up"]
    ),
    "no config": Situation("ConfigInvalid", ["nowhere.yaml"], "PIPECTL_CONFIG", ["-c", "nowhere.yaml", "up"], code=2),
    "a config that is a folder": Situation("ConfigInvalid", ["directory"], "-c", ["-c", "/", "up"], code=2),
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_an_error_before_aws_answers(name: str, tmp_path: Path) -> None:
    situation = AT_ONCE[name]
    result = _run(situation.words, write_config(tmp_path, situation.config), **situation.environment)
    _assert_reported(situation, result)


ANSWERS = {
    "expired": (403, "text/xml", _sts_error("ExpiredToken", "The token is old"), "Credentials", "log in"),
    "unknown key": (403, "text/xml", _sts_error("InvalidClientTokenId", "Invalid token"), "Credentials", "key"),
    "wrong secret": (403, "text/xml", _sts_error("SignatureDoesNotMatch", "No match"), "Credentials", "secret"),
    "clock wrong": (403, "text/xml", _sts_error("RequestExpired", "Request is old"), "Credentials", "clock"),
    "denied": (403, "text/xml", _sts_error("AccessDenied", "Not authorized"), "AccessDenied", "organization"),
    "html, not found": (404, "text/html", HTML, "Unreachable", "--endpoint-url"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_error_after_the_first_answer(
    name: str, answering: Callable[[int, str, str], tuple[str, list[str]]], tmp_path: Path
) -> None:
    status, kind, body, code, advises = ANSWERS[name]
    address, asked = answering(status, kind, body)
    result = _run(["up", "--yes"], write_config(tmp_path), AWS_ENDPOINT_URL=address)
    _assert_reported(Situation(code, [], advises), result)
    assert len(asked) == 1, "a definite answer is not asked for again"


class Impatient(SystemClock):
    """A clock whose sleeps take no time."""

    def __init__(self) -> None:
        super().__init__()
        self._slept = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds


def _fail(endpoint: str, file: Path, capsys: pytest.CaptureFixture[str]) -> Result:
    """Ask an endpoint for the account, as a command does, without the seconds between the attempts."""
    session = Session(Globals(config=str(file), output="json", endpoint_url=endpoint), "plan")
    session.clock = Impatient()
    code = run(session, lambda: len(session.context.pipeline.physical.bucket))
    out, err = (text.encode() for text in capsys.readouterr())
    return Result(CliRunner(), out, err, err, None, code, None)


def test_an_endpoint_whose_name_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = _fail("http://aws.invalid", write_config(tmp_path), capsys)
    _assert_reported(Situation("Unreachable", ["aws.invalid"], "--endpoint-url"), result)


def test_an_endpoint_that_answers_with_a_web_page(
    answering: Callable[[int, str, str], tuple[str, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, asked = answering(200, "text/html", HTML)
    result = _fail(address, write_config(tmp_path), capsys)
    _assert_reported(Situation("Unreachable", [], "--endpoint-url"), result)
    assert len(asked) > 1, "a server that starts can answer otherwise later"


@pytest.fixture(scope="module")
def denied(emulator: LocalEmulator) -> Callable[..., dict[str, str]]:
    """Create a user with some actions, without those that begin with a prefix. Return its keys."""
    iam: Any = boto3.client(
        "iam",
        region_name="us-east-1",
        endpoint_url=emulator.endpoint_url,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
    )

    def make(prefix: str, allowed: str = "*") -> dict[str, str]:
        user = f"no-{prefix.replace(':', '-').replace('*', '')}"
        iam.create_user(UserName=user)
        statements = [
            {"Effect": "Allow", "Action": allowed, "Resource": "*"},
            {"Effect": "Deny", "Action": prefix, "Resource": "*"},
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=user)["AccessKey"]
        return {
            "AWS_ENDPOINT_URL": emulator.endpoint_url,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        }

    return make


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("action", "operation"),
    [
        ("dynamodb:*", "DescribeTable"),
        ("lambda:ListEventSourceMappings", "ListEventSourceMappings"),
        ("sqs:*", "GetQueueUrl"),
        *(
            [
                ("cloudwatch:*", "DescribeAlarms"),
                ("iam:GetRole", "GetRole"),
                ("lambda:GetFunction", "GetFunction"),
                ("logs:*", "DescribeLogGroups"),
            ]
            if THOROUGH
            else []
        ),
    ],
)
def test_a_denied_service_is_reported_by_resource_call_and_permission(
    action: str, operation: str, denied: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    result = _run(["up", "--yes"], write_config(tmp_path), **denied(action))
    service = action.split(":")[0]
    _assert_reported(Situation("AccessDenied", [f"{service} {operation}"], f"{service}:{operation}"), result)
    assert "created" not in result.stderr, "what cannot be read keeps everything from being touched"


@pytest.mark.emulator
def test_a_denied_read_names_the_policy_of_those_who_run_the_command(
    denied: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    file, keys = write_config(tmp_path), denied("sns:*", "sts:*")
    for command, group in {"outputs": "reader", "pause": "on-call", "down": "deployer"}.items():
        result = _run([command], file, **keys)
        advice = f"permissions {group}` prints the whole policy"
        _assert_reported(Situation("AccessDenied", [], advice), result)


@pytest.mark.emulator
def test_a_bucket_that_cannot_be_read_is_not_managed(
    denied: Callable[[str], dict[str, str]], emulator: LocalEmulator, tmp_path: Path
) -> None:
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=emulator.endpoint_url,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
    )
    s3.create_bucket(Bucket=f"dev-processed-data-{ACCOUNT}-backend")
    result = _run(["up", "--yes"], write_config(tmp_path), **denied("s3:*"))
    _assert_reported(Situation("ForeignResource", ["bucket"], "another name"), result)


@pytest.mark.emulator
def test_another_account_than_that_of_the_config(emulator: LocalEmulator, tmp_path: Path) -> None:
    file = write_config(tmp_path, {"account_id": "999999999999"})
    environment = {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    result = _run(["up", "--yes"], file, **environment)
    _assert_reported(Situation("WrongAccount", [ACCOUNT, "999999999999"], "account_id"), result)


def _no_folder(folder: Path) -> None:
    folder.rmdir()


def _no_handler(folder: Path) -> None:
    (folder / "other.py").write_text("")


def _broken_handler(folder: Path) -> None:
    (folder / "handler.py").write_text("import os\n\ndef handler(event, context:\n    pass\n")


def _large_handler(folder: Path) -> None:
    (folder / "handler.py").write_text("def handler(*_): ...")
    with (folder / "model.bin").open("wb") as stream:
        stream.truncate(251 * 1024 * 1024)


def _file_for_folder(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("")


HANDLERS: dict[str, tuple[Callable[[Path], None], list[str], str]] = {
    "missing": (_no_folder, ["does not exist"], "source"),
    "a file": (_file_for_folder, ["folder"], "source"),
    "empty": (lambda _: None, ["handler"], "handler.py"),
    "without the handler's file": (_no_handler, ["handler"], "handler.py"),
    "not Python": (_broken_handler, ["handler.py:3", "parse"], ""),
    "too large": (_large_handler, ["250 MB"], ""),
}


@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize("words", [["config", "check"], ["up", "--yes"]], ids=" ".join)
def test_an_invalid_folder_of_a_handler(
    name: str, words: list[str], moto_environment: dict[str, str], tmp_path: Path
) -> None:
    spoil, names, advises = HANDLERS[name]
    folder = tmp_path / "processor"
    folder.mkdir()
    spoil(folder)
    result = _run(words, write_config(tmp_path, {"processor": {"source": "processor"}}), **moto_environment)
    _assert_reported(Situation("HandlerInvalid", [str(folder), *names], advises, code=2), result)


@pytest.fixture
def moto_environment() -> Iterator[dict[str, str]]:
    from moto import mock_aws

    with mock_aws():
        yield {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}


def _assert_reported(situation: Situation, result: Result) -> None:
    assert result.exit_code == situation.code, result.output
    assert result.stdout == ""
    error = json.loads(result.stderr.splitlines()[-1])["error"]
    assert error["code"] == situation.error
    for name in situation.names:
        assert name in error["message"]
    assert situation.advises in (error["hint"] or "")


@pytest.mark.emulator
def test_functions_in_nodejs_without_the_sdk(tmp_path: Path) -> None:
    """Python's environment decides where the SDK is searched, so this environment is empty."""
    prefix = tmp_path / "bare"
    venv.create(prefix, with_pip=False, symlinks=True)
    (packages,) = prefix.glob("lib/python*/site-packages")
    (packages / "all.pth").write_text("\n".join(path for path in sys.path if path))
    reported = subprocess.run(
        [
            prefix / "bin" / "python",
            "-m",
            "pipectl",
            "demo",
            "--runtime",
            "nodejs24.x",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert reported.returncode == 1, reported.stderr
    assert "need the AWS SDK" in reported.stderr
    assert f"npm install --prefix {prefix} @aws-sdk/client-s3" in reported.stderr.split("Hint:")[1]
    assert "Traceback" not in reported.stderr
