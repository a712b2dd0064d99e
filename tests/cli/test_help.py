"""Help: every command explains itself and its options, with an example that is valid."""

from __future__ import annotations

import inspect
import re
import shlex

import click
import pytest

from tests.cli.commands import all_commands, parse
from tests.cli_support import pipectl

COMMANDS = [pytest.param(*found, id=" ".join(("pipectl", *found[0]))) for found in all_commands()]
GLOBAL = {"--config", "--profile", "--region", "--endpoint-url", "--local", "--output", "--no-color", "--quiet"}


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
def test_every_command_takes_the_global_options(path: tuple[str, ...], command: click.Command) -> None:
    names = {name for option in command.params for name in option.opts}
    useless = {"--local"} if path in (("permissions",), ("template",)) else set()
    if path == ("init",):  # its --region is an answer
        useless = {"--config", "--profile", "--endpoint-url", "--local"}
    assert names >= GLOBAL - useless or (isinstance(command, click.Group) and path)
    assert not names & useless
