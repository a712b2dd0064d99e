"""`up` on the command line: confirmation, refusal, and a run that changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import QUEUE
from tests.cli_support import document, error, pipectl
from tests.support import World, make_world, write_config


def made(file: Path) -> list[str]:
    """Return the tables of the account."""
    return make_world(file.parent).aws.dynamodb.list_tables()["TableNames"]


def test_without_a_terminal_yes_is_required(moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "up")
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")
    assert made(moto) == []


@pytest.mark.parametrize(("answers", "code"), [("n\n", 1), ("\n", 1), ("", 130)])
def test_no_at_the_prompt_changes_nothing(answers: str, code: int, moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "up", answers=answers)
    assert (result.exit_code, result.stdout) == (code, "")
    if answers:  # at the end of the input, the error stands behind the question
        assert error(result)["code"] == "Declined"
    assert made(moto) == []


def test_yes_at_the_prompt(moto: Path) -> None:
    result = pipectl("-c", moto, "-o", "json", "up", answers="y\n")
    assert result.exit_code == 0
    assert {change["action"] for change in document(result)["changes"]} == {"create"}
    assert QUEUE in document(result)["outputs"]["DeadLetterQueueUrl"]


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
        result = pipectl("-c", moto, "-o", "json", *command)
        assert result.exit_code == 2
        found = error(result)
        assert (found["code"], found["problem"], found["path"]) == ("HandlerInvalid", "syntax", f"{broken}/handler.py")
    assert make_world(moto.parent).aws.dynamodb.list_tables()["TableNames"] == []


def test_no_confirmation_when_nothing_changes(pipeline: World) -> None:
    result = pipectl("-c", pipeline.file, "up")
    assert result.exit_code == 0
    assert "?" not in result.stderr
    changes = document(pipectl("-c", pipeline.file, "-o", "json", "up"))["changes"]
    assert {change["action"] for change in changes} == {"keep"}
