"""`permissions`: IAM policies for this config and account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from moto import mock_aws

from pipectl.cli.permissions import POLICIES as OFFERED
from pipectl.iam.policies import POLICIES
from tests.cli_support import document, error, pipectl
from tests.support import write_config

ACCOUNT = "444455556666"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path, {"account_id": ACCOUNT, "environment": "stage", "region": "eu-central-1"})


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def test_the_command_line_offers_every_policy() -> None:
    assert OFFERED == POLICIES


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_policy_has_the_names_of_the_config_without_credentials(
    name: str, form: str, file: Path, no_credentials: None
) -> None:
    result = pipectl("-c", file, "-o", form, "permissions", name)
    assert result.exit_code == 0, result.output
    policy = document(result)
    assert policy["Version"] == "2012-10-17"
    arns = [arn for statement in policy["Statement"] for arn in statement["Resource"] if arn != "*"]
    assert arns
    assert all(f":eu-central-1:{ACCOUNT}:" in arn or f"::{ACCOUNT}:" in arn or ":s3:::" in arn for arn in arns)
    assert any("stage-" in arn for arn in arns)


def test_all_policies_are_one_json_document(file: Path, no_credentials: None) -> None:
    every = document(pipectl("-c", file, "-o", "json", "permissions"))
    assert tuple(every) == POLICIES
    assert every["auditor"] == document(pipectl("-c", file, "permissions", "auditor"))


def test_the_list_names_the_roles_and_the_commands(file: Path, no_credentials: None) -> None:
    listed = pipectl("-c", file, "permissions").stdout
    assert all(name in listed for name in POLICIES)
    assert "stage-order-processor-role-backend" in listed
    assert "replay-dlq" in listed


def test_the_account_is_read_from_aws_where_the_config_has_none(tmp_path: Path) -> None:
    file = write_config(tmp_path)
    with mock_aws():
        policy = document(pipectl("-c", file, "permissions", "deployer"))
    assert ":123456789012:" in json.dumps(policy)


def test_without_an_account_the_credentials_are_missing(tmp_path: Path, no_credentials: None) -> None:
    result = pipectl("-c", write_config(tmp_path), "-o", "json", "permissions", "deployer")
    assert (result.exit_code, error(result)["code"]) == (1, "Credentials")


def test_the_local_emulator_needs_no_policy(file: Path) -> None:
    result = pipectl("-c", file, "-o", "json", "--local", "permissions")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
