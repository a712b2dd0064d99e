"""`up` on the command line: confirmation, refusal, and a run that changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import QUEUE
from tests.cli_support import pipectl
from tests.support import World, make_world, write_config


def test_without_a_terminal_yes_is_required(moto: Path) -> None:
    result = pipectl("-c", moto, "up")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert "17 to create" in result.stderr
    assert result.stdout == ""
    assert "17 to create" in pipectl("-c", moto, "plan").stdout


@pytest.mark.parametrize(("answers", "code"), [("n\n", 1), ("\n", 1), ("", 130)])
def test_no_at_the_prompt_changes_nothing(answers: str, code: int, moto: Path) -> None:
    result = pipectl("-c", moto, "up", answers=answers)
    assert result.exit_code == code
    assert "Make these changes?" in result.stderr
    assert result.stderr.endswith("Cancelled. Nothing was changed.\n")
    assert result.stdout == ""
    assert "17 to create" in pipectl("-c", moto, "plan").stdout


def test_yes_at_the_prompt(moto: Path) -> None:
    result = pipectl("-c", moto, "up", answers="y\n")
    assert result.exit_code == 0
    assert "17 created." in result.stdout
    assert QUEUE in result.stdout


def test_a_refusal_changes_nothing(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "up", "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert make_world(foreign.parent).aws.dynamodb.list_tables()["TableNames"] == []


def test_an_invalid_handler_is_reported_before_anything_is_created(moto: Path) -> None:
    broken = moto.parent / "broken"
    broken.mkdir()
    (broken / "handler.py").write_text("def handler(:\n")
    write_config(moto.parent, {"processor": {"source": str(broken)}})
    for command in (("config", "check"), ("up", "--yes")):
        result = pipectl("-c", moto, *command)
        assert result.exit_code == 2
        assert f"{broken}/handler.py:1: does not parse" in result.stderr
    assert make_world(moto.parent).aws.dynamodb.list_tables()["TableNames"] == []


def test_no_confirmation_when_nothing_changes(pipeline: World) -> None:
    result = pipectl("-c", pipeline.file, "up")
    assert result.exit_code == 0
    assert "Nothing to do" in result.stdout
