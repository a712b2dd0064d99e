"""`up --plan` on the command line: exit codes, usage errors, and JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import QUEUE
from tests.cli_support import document, error, pipectl
from tests.support import make_world


def test_a_reviewed_plan_is_applied_without_a_terminal(moto: Path) -> None:
    reviewed = document(pipectl("-c", moto, "-o", "json", "plan"))["id"]
    shown = pipectl("-c", moto, "plan").stdout.splitlines()[-1]
    assert shown == f"Apply exactly these changes: `pipectl -c {moto} up --plan {reviewed}`"
    result = pipectl("-c", moto, "-o", "json", "up", "--plan", reviewed)
    assert (result.exit_code, document(result)["plan"]) == (0, reviewed)
    again = pipectl("-c", moto, "up", "--plan", reviewed)
    assert again.exit_code == 0
    assert reviewed in again.stderr


def test_another_plan_is_shown_and_changes_nothing(moto: Path) -> None:
    text = pipectl("-c", moto, "up", "--plan", "3f2a91c07b4e")
    result = pipectl("-c", moto, "-o", "json", "up", "--plan", "3f2a91c07b4e")
    shown = document(result)
    assert (text.exit_code, result.exit_code, error(result)["code"]) == (1, 1, "PlanChanged")
    assert shown["error"] == error(result)
    assert {change["action"] for change in shown["changes"]} == {"create"}
    assert text.stdout == ""
    assert f"pipectl -c {moto} up --plan {shown['id']}" in text.stderr.splitlines()[-1]
    assert QUEUE in text.stderr
    assert make_world(moto.parent).aws.dynamodb.list_tables()["TableNames"] == []


@pytest.mark.parametrize("text", ["", "3f2a91c", "3F2A91C07B4E", "3f2a91c07b4e0", "latest"])
def test_an_id_that_is_no_whole_id_is_a_usage_error(text: str, moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "up", "--plan", text)
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")
    assert "12 characters" in error(result)["message"]


def test_an_id_and_a_dry_run_contradict(moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "up", "--dry-run", "--plan", "3f2a91c07b4e")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")


def test_a_plan_with_a_refusal_has_no_id(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "plan")
    assert document(result)["id"] is None
    assert "up --plan" not in pipectl("-c", foreign, "plan").stdout
    refused = pipectl("-c", foreign, "-o", "json", "up", "--plan", "3f2a91c07b4e")
    assert (refused.exit_code, error(refused)["code"]) == (1, "ForeignResource")
    assert "up --plan 3f2a91c07b4e --adopt dead-letter-queue`" in error(refused)["hint"]
