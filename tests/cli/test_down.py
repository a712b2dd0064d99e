"""The confirmations of `down` on the command line, and its JSON after a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from pipectl.clock import SystemClock
from tests.cli_support import document, error, pipectl
from tests.commands.existing_pipeline import existing, write
from tests.support import REGION, THOROUGH, make_world, write_config


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """The config of a pipeline with an order in its table."""
    with existing(tmp_path, SystemClock()) as world:
        write(world, "order-1")
        yield world.file


def protect(file: Path) -> Path:
    return write_config(file.parent, {"protect": True})


def exists() -> bool:
    return bool(boto3.client("dynamodb", REGION).list_tables()["TableNames"])


def test_yes_alone_never_deletes_data(config: Path) -> None:
    result = pipectl("-c", config, "-o", "json", "down", "--yes")
    assert (result.exit_code, error(result)["code"]) == (1, "DataWouldBeLost")
    assert exists()


def test_yes_with_delete_data_deletes_an_unprotected_pipeline(config: Path) -> None:
    result = pipectl("-c", config, "-o", "json", "down", "--yes", "--delete-data")
    assert result.exit_code == 0
    assert document(result)["deletedData"] == [
        {"resource": "orders-table", "count": 1, "more": False, "notReplayed": 0}
    ]
    assert not exists()


def test_the_environments_name_is_typed_to_delete_data(config: Path) -> None:
    result = pipectl("-c", config, "down", "--delete-data", answers="dev\n")
    assert result.exit_code == 0
    assert "dev (account 123456789012, us-east-1)" in result.stderr
    assert "1 order" in result.stderr
    assert not exists()


@pytest.mark.parametrize("typed", ["y\n", *(["\n", "yes\n", "prod\n"] if THOROUGH else [])])
def test_any_other_answer_cancels(config: Path, typed: str) -> None:
    result = pipectl("-c", config, "down", "--delete-data", answers=typed)
    assert result.exit_code == 1
    assert exists()


def test_a_protected_environment_is_not_deleted_with_yes(config: Path) -> None:
    result = pipectl("-c", protect(config), "-o", "json", "down", "--yes", "--delete-data")
    assert (result.exit_code, error(result)["code"]) == (2, "Protected")
    assert "--confirm dev" in error(result)["hint"]
    assert exists()


def test_a_protected_environment_is_deleted_with_its_name(config: Path) -> None:
    assert pipectl("-c", protect(config), "down", "--delete-data", "--confirm", "dev").exit_code == 0
    assert not exists()


def test_a_protected_environment_asks_for_its_name_even_when_data_are_kept(config: Path) -> None:
    assert pipectl("-c", protect(config), "down", "--yes", "--keep-data", answers="y\n").exit_code == 1
    assert pipectl("-c", protect(config), "down", "--yes", "--keep-data", answers="dev\n").exit_code == 0
    assert exists()


def test_a_wrong_name_is_a_usage_error(config: Path) -> None:
    result = pipectl("-c", config, "-o", "json", "down", "--yes", "--delete-data", "--confirm", "prod")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert exists()


def test_another_project_is_an_error(config: Path) -> None:
    other = write_config(config.parent, {"project": "other"})
    result = pipectl("-c", other, "-o", "json", "down", "--yes", "--delete-data")
    assert (result.exit_code, error(result)["code"]) == (1, "ForeignResource")
    assert exists()


def test_data_that_would_be_lost_is_an_error_and_nothing_is_deleted(moto: Path) -> None:
    assert pipectl("-c", moto, "up", "--yes").exit_code == 0
    item = {"auditId": {"S": "1"}, "timestamp": {"S": "2026-01-01T00:00:00Z"}}
    make_world(moto.parent).aws.dynamodb.put_item(TableName="dev-audit-logs-table-backend", Item=item)
    result = pipectl("-c", moto, "-o", "json", "down", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert error(result)["code"] == "DataWouldBeLost"
    assert "audit-table: 1 failure" in error(result)["message"]
    assert "--keep-data" in error(result)["hint"]
    assert pipectl("-c", moto, "plan", "--exit-code").exit_code == 0


def test_without_a_pipeline_there_is_nothing_to_delete(moto: Path) -> None:
    assert pipectl("-c", moto, "down", "--yes").stdout == "Nothing to delete.\n"


def test_delete_data_and_keep_data_are_a_usage_error(file: Path) -> None:
    assert pipectl("-c", file, "down", "--keep-data", "--delete-data").exit_code == 2
