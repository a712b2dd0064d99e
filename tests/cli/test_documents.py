"""JSON on stdout: one document, and nothing when the command failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import QUEUE
from tests.cli_support import document, error, pipectl
from tests.support import ACCOUNT, THOROUGH, World, make_world


@pytest.mark.parametrize("command", [("outputs",), ("up",), ("down",)], ids=" ".join)
def test_with_json_stdout_is_empty_when_the_command_failed(command: tuple[str, ...], moto: Path) -> None:
    make_world(moto.parent).aws.sqs.create_queue(QueueName=QUEUE, tags={"Owner": "somebody"})
    result = pipectl("-c", moto, "-o", "json", *command, "--what" if command == ("down",) else "-q")
    assert result.exit_code != 0
    assert result.stdout == ""
    assert error(result)["message"]


@pytest.mark.parametrize(
    "command",
    [
        ("plan",),
        ("up",),
        ("config", "check"),
        *(
            [("status",), ("outputs",), ("up", "--dry-run"), ("config", "show"), ("config", "schema")]
            if THOROUGH
            else []
        ),
    ],
    ids=" ".join,
)
def test_with_json_stdout_is_one_document_and_nothing_else(command: tuple[str, ...], pipeline: World) -> None:
    for verbose in ([], ["-v"]):
        result = pipectl("-c", pipeline.file, "-o", "json", *verbose, *command)
        assert result.exit_code == 0
        assert isinstance(document(result), dict)


def test_the_parts_that_scripts_rely_on(pipeline: World) -> None:
    plan = document(pipectl("-c", pipeline.file, "-o", "json", "plan"))
    table = next(change for change in plan["changes"] if change["resource"] == "orders-table")
    assert table == {
        "resource": "orders-table",
        "kind": "table",
        "name": "dev-orders-table-backend",
        "action": "keep",
        "attributes": {},
        "flags": [],
    }
    assert document(pipectl("-c", pipeline.file, "-o", "json", "up", "--yes"))["changes"] == plan["changes"]
    outputs = document(pipectl("-c", pipeline.file, "-o", "json", "outputs"))
    assert plan["outputs"] == outputs
    assert outputs["OrdersTableName"] == "dev-orders-table-backend"
    assert outputs["ProcessedBucketName"] == f"dev-processed-data-{ACCOUNT}-backend"
    status = document(pipectl("-c", pipeline.file, "-o", "json", "status"))
    assert {found["state"] for found in status["resources"]} == {"in-sync"}
    assert status["health"]["verdict"] == "healthy"
    assert {"name", "ok", "value", "detail"} <= status["health"]["checks"][0].keys()
