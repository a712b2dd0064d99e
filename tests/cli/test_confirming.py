"""Commands that need the name of a protected environment: each refuses without it, before it writes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipectl.cli.options import Globals
from pipectl.cli.session import Session
from tests.cli_support import error, pipectl
from tests.moto_snapshot import create_pipeline
from tests.support import World, make_world, write_config

GUARDED = [
    ("down", "--keep-data"),
    ("doctor", "--capture", "answers.json"),
    ("send", '{"orderId": "1"}'),
    ("send", '{"orderId": "1"}', "--direct"),
    ("up", "--watch"),
    ("up", "--allow-stream-replacement"),
    ("pause", "--allow-skipped-records"),
]
"""Command lines that need the name. docs/environments.md has the table."""
guarded = pytest.mark.parametrize("command", GUARDED, ids=" ".join)


@pytest.fixture
def protected(moto: Path) -> World:
    """A pipeline whose config has `protect: true`."""
    world = make_world(moto.parent)
    create_pipeline(world)
    write_config(moto.parent, {"protect": True})
    return world


def yes_of(command: tuple[str, ...]) -> list[str]:
    return [] if command[0] in ("send", "pause") else ["--yes"]


def names(world: World) -> list[str]:
    return world.aws.dynamodb.list_tables()["TableNames"]


def items(world: World) -> int:
    return sum(world.aws.dynamodb.scan(TableName=name)["Count"] for name in names(world))


@guarded
def test_without_a_terminal_the_name_is_an_option(command: tuple[str, ...], protected: World) -> None:
    result = pipectl("-c", protected.file, "-o", "json", *command, *yes_of(command))
    assert (result.exit_code, result.stdout) == (2, "")
    assert (error(result)["code"], error(result)["hint"]) == ("Protected", "use --confirm dev")
    assert (len(names(protected)), items(protected)) == (2, 0)


@guarded
def test_another_name_than_the_environments_is_refused(command: tuple[str, ...], protected: World) -> None:
    result = pipectl("-c", protected.file, "-o", "json", *command, "--confirm", "dve")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert error(result)["hint"] == "did you mean --confirm dev?"
    assert (len(names(protected)), items(protected)) == (2, 0)


@guarded
@pytest.mark.parametrize("typed", ["\n", "y\n", "dve\n"])
def test_another_name_that_is_typed_cancels(command: tuple[str, ...], typed: str, protected: World) -> None:
    result = pipectl("-c", protected.file, "-o", "json", *command, *yes_of(command), answers=typed)
    assert (result.exit_code, error(result)["code"]) == (1, "Declined")
    assert (len(names(protected)), items(protected)) == (2, 0)


def test_orphans_of_a_protected_environment_need_the_name(protected: World) -> None:
    write_config(protected.file.parent, {"protect": True, "team": "renamed"})
    result = pipectl("-c", protected.file, "-o", "json", "down", "--orphans", "--keep-data", "--yes")
    assert (result.exit_code, error(result)["code"]) == (2, "Protected")


@pytest.mark.parametrize("command", [("pause",), ("resume",), ("rollback", "--yes"), ("up", "--yes"), ("plan",)])
def test_commands_on_call_and_reviewed_changes_need_no_name(command: tuple[str, ...], protected: World) -> None:
    result = pipectl("-c", protected.file, "-o", "json", *command)
    assert result.exit_code == 0 or error(result)["code"] != "Protected"


def test_the_local_emulator_is_never_protected(tmp_path: Path) -> None:
    file = write_config(tmp_path, {"protect": True})
    for local, expected in ((None, True), (True, False)):
        assert Session(Globals(config=str(file), local=local), "down").protected is expected


def test_the_name_of_an_environment_that_is_not_protected_is_checked_too(moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "down", "--yes", "--confirm", "prod")
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert "-c FILE" in error(result)["hint"]
