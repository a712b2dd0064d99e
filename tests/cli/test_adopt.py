"""`--adopt` on the command line: values, usage errors, hints, and completion."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from pipectl.cli.main import main
from pipectl.resource_keys import ResourceKey
from tests.cli_support import document, error, pipectl

QUEUE = "dead-letter-queue"


def actions(file: Path, *command: str) -> dict[str, str]:
    plan = document(pipectl("-c", file, "-o", "json", *command))
    return {change["resource"]: change["action"] for change in plan["changes"]}


@pytest.mark.parametrize("values", [[QUEUE], ["bucket", QUEUE], ["all"], ["all", "bucket"], [QUEUE, QUEUE]])
def test_a_named_resource_is_adopted(foreign: Path, values: list[str]) -> None:
    flags = [word for value in values for word in ("--adopt", value)]
    planned = actions(foreign, "plan", *flags)
    assert planned[QUEUE] == "adopt"
    assert planned["bucket"] == "create"


def test_a_resource_that_is_not_named_stays_refused(foreign: Path) -> None:
    result = pipectl("-c", foreign, "-o", "json", "plan", "--adopt", "bucket")
    assert result.exit_code == 1
    assert "`pipectl -c " in error(result)["hint"]
    assert f" up --adopt bucket --adopt {QUEUE}` makes them" in error(result)["hint"]


def test_up_adopts(foreign: Path) -> None:
    assert pipectl("-c", foreign, "up", "--yes", "--adopt", QUEUE).exit_code == 0
    assert actions(foreign, "plan")[QUEUE] == "keep"
    again = pipectl("-c", foreign, "-o", "json", "up", "--yes", "--adopt", QUEUE)
    assert again.exit_code == 0
    assert {change["action"] for change in document(again)["changes"]} == {"keep"}


@pytest.mark.parametrize("command", ["plan", "up"])
@pytest.mark.parametrize(
    "flags", [["--adopt"], ["--adopt="], ["--adopt", "--allow-stream-replacement"], ["--adopt", "-q"]]
)
def test_a_missing_value_is_a_usage_error_with_both_forms(moto: Path, command: str, flags: list[str]) -> None:
    result = pipectl("-c", moto, "-o", "json", command, *flags)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert "--adopt bucket" in error(result)["message"]
    assert "--adopt all" in error(result)["message"]


@pytest.mark.parametrize(
    ("value", "meant"),
    [("bukcet", "bucket"), ("orders_table", "orders-table"), ("QUEUE-MAPPING", "queue-mapping"), ("al", "all")],
)
def test_an_unknown_resource_is_a_usage_error_with_a_suggestion(moto: Path, value: str, meant: str) -> None:
    result = pipectl("-c", moto, "-o", "json", "plan", "--adopt", value)
    assert (result.exit_code, error(result)["code"]) == (2, "Usage")
    assert f"Did you mean {meant}?" in error(result)["message"]


@pytest.mark.parametrize("value", ["7", "\x1b[31m", "é", "*"])
def test_an_unknown_resource_names_the_valid_ones(moto: Path, value: str) -> None:
    message = error(pipectl("-c", moto, "-o", "json", "plan", "--adopt", value))["message"]
    assert "Did you mean" not in message
    assert all(key in message for key in ("all", *ResourceKey))
    assert "\x1b" not in message


@pytest.mark.parametrize("command", ["plan", "up"])
def test_the_shell_completes_the_resources(command: str) -> None:
    complete = ShellComplete(main, {}, "pipectl", "_PIPECTL_COMPLETE")
    every = [item.value for item in complete.get_completions([command, "--adopt"], "")]
    assert every == ["all", *ResourceKey]
    assert [item.value for item in complete.get_completions([command, "--adopt"], "pro")] == [
        "processor-role",
        "processor",
        "processor-log-group",
    ]
