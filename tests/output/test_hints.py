"""Commands in messages carry the options that were used, so that they can be pasted."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from pipectl.global_options import reason_against
from pipectl.output.hints import with_options
from pipectl.text import shell_word
from tests.cli.commands import parse
from tests.support import ROOT

PLACEHOLDER = "1"
"""In place of a value that is computed: valid as an id, a name, a number and an age."""
OPTIONS = [("-c", "config/my file.yaml"), ("--profile", "ops"), ("--local", None)]


def texts(path: Path) -> Iterator[str]:
    """Yield the string literals of a module; of f-strings too, with a placeholder for each value."""
    nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]  # once: that takes longest
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else PLACEHOLDER for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


@cache
def commands() -> list[str]:
    """Return every command in backticks in the sources, on one line each."""
    found = {
        " ".join(command.split())
        for path in (ROOT / "src").rglob("*.py")
        if "`pipectl" in path.read_text(encoding="utf-8")
        for text in texts(path)
        for command in re.findall(r"`(pipectl [^`]+)`", text)
    }
    # Some messages name the command that was run.
    return sorted(command for command in found if not {"COMMAND", "NAME", PLACEHOLDER} & {*command.split()[1:3]})


@pytest.mark.parametrize("command", commands())
def test_every_command_in_a_message_exists(command: str) -> None:
    parse(shlex.split(command)[1:])


@pytest.mark.parametrize("command", commands())
def test_every_command_in_a_message_carries_the_options(command: str) -> None:
    pasted = with_options(f"run `{command}` again", OPTIONS)
    words = shlex.split(re.findall("`(.+)`", pasted)[0])
    parse(words[1:])
    path = " ".join(parse(words[1:]))
    for option, value in OPTIONS:
        assert ((value or option) in words) is (reason_against(path, option) is None)


def test_there_are_commands_in_messages() -> None:
    assert len(commands()) > 10


def test_without_options_a_message_stays() -> None:
    assert with_options("`pipectl up`", []) == "`pipectl up`"


def test_names_of_commands_alone_and_other_text_stay() -> None:
    assert with_options("`up` of pipectl up, `pipectl`", OPTIONS) == "`up` of pipectl up, `pipectl`"


@pytest.mark.parametrize("key", ["o-058", "a b", "it's", "`x` $(y)", "\x1b[31m\n", "\u202eabc", "q'\\\x07\U000e0001"])
def test_a_key_in_a_command_is_the_same_after_it_was_pasted_into_a_shell(key: str) -> None:
    word = shell_word(key)
    assert word.isprintable()
    pasted = subprocess.run(["/bin/bash", "-c", f"printf %s {word}"], capture_output=True, env={"LC_ALL": "C.UTF-8"})
    assert pasted.stdout.decode() == key
