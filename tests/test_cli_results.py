"""What a pipeline that is up answers: results on stdout alone, in a form that scripts rely on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.cli_support import document, pipectl
from tests.support import ACCOUNT, World, make_world, write_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A pipeline that is up. Tests only read it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        world = make_world(tmp_path_factory.mktemp("standing"))
        assert pipectl("-c", world.file, "up", "--yes").exit_code == 0
        yield world


def test_nothing_is_asked_when_nothing_changes(standing: World) -> None:
    result = pipectl("-c", standing.file, "up")
    assert result.exit_code == 0
    assert "Nothing to do" in result.stdout


def test_plan_and_status_exit_with_0_when_all_is_well(standing: World) -> None:
    assert pipectl("-c", standing.file, "plan", "--exit-code").exit_code == 0
    assert pipectl("-c", standing.file, "status", "--exit-code").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("plan",),
        ("status",),
        ("outputs",),
        ("up",),
        ("up", "--dry-run"),
        ("config", "check"),
        ("config", "show"),
        ("config", "schema"),
    ],
    ids=" ".join,
)
def test_with_json_stdout_is_one_document_and_nothing_else(command: tuple[str, ...], standing: World) -> None:
    for verbose in ([], ["-v"]):
        result = pipectl("-c", standing.file, "-o", "json", *verbose, *command)
        assert result.exit_code == 0
        assert isinstance(document(result), dict)


def test_the_documents_hold_what_scripts_rely_on(standing: World) -> None:
    plan = document(pipectl("-c", standing.file, "-o", "json", "plan"))
    table = next(change for change in plan["changes"] if change["resource"] == "orders-table")
    assert table == {
        "resource": "orders-table",
        "kind": "table",
        "name": "dev-orders-table-backend",
        "action": "keep",
        "attributes": {},
    }
    outputs = document(pipectl("-c", standing.file, "-o", "json", "outputs"))
    assert plan["outputs"] == outputs
    assert outputs["OrdersTableName"] == "dev-orders-table-backend"
    assert outputs["ProcessedBucketName"] == f"dev-processed-data-{ACCOUNT}-backend"
    status = document(pipectl("-c", standing.file, "-o", "json", "status"))
    assert {found["state"] for found in status["resources"]} == {"in-sync"}
    assert status["health"]["verdict"] == "healthy"
    assert {"name", "ok", "value", "detail"} <= status["health"]["checks"][0].keys()


def test_outputs_for_a_shell_are_valid_and_survive_it(standing: World) -> None:
    result = pipectl("-c", standing.file, "outputs", "--env")
    names = document(pipectl("-c", standing.file, "-o", "json", "outputs"))
    script = f'set -eu\n{result.stdout}\nprintf \'%s\\n\' "$ORDERS_TABLE_NAME" "$DEAD_LETTER_QUEUE_URL"'
    told = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.splitlines() == [names["OrdersTableName"], names["DeadLetterQueueUrl"]]
    assert len(result.stdout.splitlines()) == len(names)


def test_global_options_work_on_either_side_of_the_command(standing: World) -> None:
    before = pipectl("-c", standing.file, "-o", "json", "plan")
    after = pipectl("plan", "-c", standing.file, "-o", "json")
    assert before.stdout == after.stdout != ""
