"""The global options of each command: what it takes after it, and what happens with the others before it."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from pipectl.global_options import _UNUSED as UNUSED
from tests.cli.commands import all_commands
from tests.cli_support import error, pipectl

PLACE = {"--profile", "--region", "--endpoint-url"}
SHOWN = {"--output", "--no-color", "--quiet", "--verbose"}
EVERY = {"--config", *PLACE, "--local", *SHOWN}

TAKEN: dict[str, tuple[set[str], str]] = {
    "init": (SHOWN, "it only writes files; its --region is an answer to a question"),
    "demo": ({"--config", *SHOWN}, "it starts a local emulator of its own"),
    "local start": (SHOWN, "there is one local emulator for all configs"),
    "local stop": (SHOWN, "there is one local emulator for all configs"),
    "local status": (SHOWN, "there is one local emulator for all configs"),
    "config check": ({"--config", *SHOWN}, "it only reads files"),
    "config show": ({"--config", *SHOWN}, "it only reads files"),
    "config schema": (SHOWN, "the schema is the same for every config"),
    "permissions": (
        EVERY - {"--local"},
        "policies name the account and its partition",
    ),
    "template": (EVERY - {"--local"}, "the template names the account and the region"),
    "completion": (set(), "it prints a script"),
    "help": (set(), "it prints text"),
}
"""The global options that a command takes, and why not the others. All other commands take all."""

COMMANDS = {" ".join(path): command for path, command in all_commands() if not isinstance(command, click.Group)}


def taken(command: click.Command) -> dict[str, click.Option]:
    """Return the global options of a command, by their long names."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {option.opts[-1]: option for option in options if (option.name or "").startswith("global_")}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_takes_the_global_options_that_mean_something_to_it(name: str) -> None:
    expected, _reason = TAKEN.get(name, (EVERY, ""))
    assert set(taken(COMMANDS[name])) == expected


@pytest.mark.parametrize("name", [name for name in COMMANDS if "--output" in taken(COMMANDS[name])])
def test_only_plans_are_printed_as_markdown(name: str) -> None:
    choice = taken(COMMANDS[name])["--output"].type
    assert isinstance(choice, click.Choice)
    assert ("markdown" in choice.choices) is (name in ("plan", "up"))


def test_the_table_names_commands() -> None:
    groups = {name.partition(" ")[0] for name in COMMANDS}
    assert set(UNUSED) - set(COMMANDS) - groups == set()


VALUES = {"--config": "none.yaml", "--profile": "nowhere", "--region": "moon-1", "--endpoint-url": "http://127.0.0.1:1"}


def words(option: str) -> list[str]:
    return [option, VALUES[option]] if option in VALUES else [option]


@pytest.mark.parametrize("option", ["--config", *sorted(PLACE), "--local"])
def test_an_option_that_means_nothing_is_ignored_before_a_command(option: str) -> None:
    result = pipectl(*words(option), "config", "schema")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == pipectl("config", "schema").stdout


@pytest.mark.parametrize("option", ["--config", *sorted(PLACE), "--local"])
def test_an_option_that_means_nothing_is_refused_after_a_command_with_the_reason(option: str) -> None:
    result = pipectl("config", "schema", *words(option))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"`config schema` takes no {option}: the schema is the same for every config" in result.stderr


def test_an_ignored_option_contradicts_no_other(file: Path) -> None:
    endpoint = ["--endpoint-url", "http://127.0.0.1:1"]
    assert pipectl("-c", file, "--local", *endpoint, "config", "show").exit_code == 0
    assert pipectl("-c", file, "--local", *endpoint, "outputs").exit_code == 2


@pytest.mark.parametrize("command", [["help"], ["help", "up"], ["completion", "bash"]], ids=" ".join)
def test_a_command_that_prints_no_json_refuses_to(command: list[str]) -> None:
    result = pipectl("-o", "json", *command)
    assert (result.exit_code, result.stdout, error(result)["code"]) == (2, "", "Usage")
    assert "takes no --output" in error(result)["message"]
    assert pipectl("-o", "text", *command).exit_code == 0


def test_an_option_after_a_group_of_commands_is_refused_with_its_place() -> None:
    result = pipectl("audit", "--profile", "ops", "list")
    assert result.exit_code == 2
    assert "--profile belongs before `audit` or after the command that follows" in result.stderr


def test_a_message_of_a_command_keeps_options_that_only_other_commands_use(moto: Path) -> None:
    result = pipectl("-c", moto, "--region", "eu-west-1", "outputs")
    assert f"`pipectl -c {moto} --region eu-west-1 up`" in result.stderr
