"""`local` on the command line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from pipectl.local import lifecycle
from tests.cli_support import document, pipectl
from tests.local.small_pipeline import free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home of the local emulator."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PIPECTL_HOME", str(folder))
    yield folder
    lifecycle.stop(folder, timeout=0)


def variables(text: str) -> dict[str, str]:
    """Return the variables that a shell would set."""
    words = [shlex.split(line) for line in text.splitlines()]
    assert all(line[0] == "export" for line in words)
    return dict(line[1].split("=", 1) for line in words)


def test_without_an_emulator_status_reports_it(home: Path) -> None:
    assert document(pipectl("-o", "json", "local", "status"))["running"] is False
    assert document(pipectl("-o", "json", "local", "stop"))["stopped"] is False
    assert not home.exists()


def test_without_an_emulator_there_are_no_variables(home: Path) -> None:
    result = pipectl("-o", "text", "local", "status", "--env")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "`pipectl local start`" in result.stderr


@pytest.mark.emulator
def test_an_sdk_works_with_the_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = lifecycle.start(home, port=free_port())
    shown = document(pipectl("-o", "json", "local", "status"))
    assert (shown["running"], shown["endpointUrl"], shown["pid"]) == (True, running.endpoint_url, running.pid)
    assert running.secret not in str(shown)
    for _ in range(2):  # the second time the secret is a credential of the environment as well
        for name, value in variables(pipectl("local", "status", "--env").stdout).items():
            monkeypatch.setenv(name, value)
    assert document(pipectl("-o", "json", "local", "status", "--env"))["AWS_SECRET_ACCESS_KEY"] == running.secret
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    assert boto3.Session().client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    assert document(pipectl("-o", "json", "local", "stop"))["stopped"] is True
