"""`doctor` on the command line: exit codes, and what it does without credentials and without a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aws.servers import Reply, server
from tests.cli_support import document, pipectl
from tests.support import write_config

DENIED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"


def test_without_config_and_credentials_the_rest_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with server(Reply(DENIED, status=403)) as (url, _):
        result = pipectl("-c", tmp_path / "none.yaml", "--endpoint-url", url, "-o", "json", "doctor")
    found = document(result)
    verdicts = {check["name"]: check["verdict"] for check in found["checks"]}
    assert (result.exit_code, found["ok"]) == (1, False)
    assert {name for name, verdict in verdicts.items() if verdict == "problem"} == {"config", "region", "credentials"}
    assert {verdicts[name] for name in ("pipectl", "libraries", "endpoint", "emulator")} == {"ok"}


def test_warnings_alone_are_no_failure(file: Path) -> None:
    """The local emulator of an empty home is not running, so nothing of AWS is checked."""
    result = pipectl("-c", file, "--local", "-o", "json", "doctor")
    found = document(result)
    assert (result.exit_code, found["ok"]) == (0, True)
    assert {check["finding"] for check in found["checks"]} >= {"not-checked", "emulator-stopped"}


@pytest.mark.parametrize(("more", "region"), [({}, "us-east-1"), ({"AWS_REGION": "eu-west-1"}, "eu-west-1")])
def test_the_local_emulator_has_a_default_region(
    more: dict[str, str], region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    file = write_config(tmp_path, {"region": None})
    checks = document(pipectl("-c", file, "--local", "-o", "json", "doctor"))["checks"]
    assert [check["facts"] for check in checks if check["name"] == "region"] == [{"region": region}]
