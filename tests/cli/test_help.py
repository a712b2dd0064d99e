"""Help: every command explains itself and its options, with an example that is valid."""

from __future__ import annotations

import inspect
import re
import shlex

import click
import pytest

from pipectl.cli.main import GROUPS
from tests.cli.commands import all_commands, parse
from tests.cli_support import pipectl

COMMANDS = [pytest.param(*found, id=" ".join(("pipectl", *found[0]))) for found in all_commands()]


def examples(command: click.Command) -> list[str]:
    """Return the lines of the examples, which are the last paragraph."""
    last = inspect.cleandoc(command.help or "").split("\n\n")[-1].splitlines()
    assert last[0] == "\b"
    assert last[1] == ("Example:" if len(last) == 3 else "Examples:")
    return [line.strip() for line in last[2:]]


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_help_describes_every_option(path: tuple[str, ...], command: click.Command) -> None:
    result = pipectl(*path, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (command.help or "").splitlines()[0] in result.stdout.replace("\n  ", " ")
    for option in command.params:
        if isinstance(option, click.Option):
            assert re.match(r"[A-Z].*\.(  \[.*\])?$", option.help or ""), option.name
            assert all(name in result.stdout for name in option.opts)


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_has_an_example_that_is_valid(path: tuple[str, ...], command: click.Command) -> None:
    for example in examples(command):
        command_line = re.search(r"(?:^|\$\()pipectl ([^)>]*)", example)
        assert command_line, example
        assert parse(shlex.split(command_line[1]))[: len(path)] == path


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_the_short_help_is_one_short_sentence(path: tuple[str, ...], command: click.Command) -> None:
    short = command.get_short_help_str(limit=200)
    assert short == inspect.cleandoc(command.help or "").splitlines()[0]
    assert len(short) <= 65 or not path


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_help_fits_a_terminal_of_80_columns(path: tuple[str, ...], command: click.Command) -> None:
    context = click.Context(command, info_name=" ".join(("pipectl", *path)), terminal_width=80)
    assert [line for line in context.get_help().splitlines() if len(line) > 80] == []


def test_the_help_of_the_program_has_every_command_in_its_group() -> None:
    sections = re.split(r"\n\n(?=\S)", pipectl("--help").stdout)
    shown = {text.split(":")[0]: re.findall(r"^  (\S+)", text, re.MULTILINE) for text in sections}
    assert {group: shown[group] for group in GROUPS} == {group: list(names) for group, names in GROUPS.items()}


@pytest.mark.parametrize("words", [[], ["up"], ["audit"], ["audit", "list"], ["help"]], ids=" ".join)
def test_help_of_a_command_equals_its_option(words: list[str]) -> None:
    result = pipectl("help", *words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == pipectl(*words, "--help").stdout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["stauts"], "status"),
        (["help", "stauts"], "status"),
        (["audit", "lst"], "list"),
        (["help", "audit", "lst"], "list"),
        (["--regoin", "x", "plan"], "--region"),
        (["plan", "--regoin", "x"], "--region"),
    ],
    ids=" ".join,
)
def test_a_mistyped_word_gets_a_suggestion(typed: list[str], meant: str) -> None:
    result = pipectl(*typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Did you mean '{meant}'?" in result.stderr


def test_help_of_a_command_without_commands_takes_no_more_words() -> None:
    result = pipectl("help", "up", "down")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "`up` has no commands" in result.stderr
