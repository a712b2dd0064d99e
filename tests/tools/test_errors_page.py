"""The page of the errors has a section for each code, and its advice names commands that exist."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from tools.reference.error_examples import examples
from tools.reference.error_guide import ADVICE, WITHOUT_MESSAGES, WORDS
from tools.reference.error_sources import PROBLEMS, error_classes, raised

from pipectl.cli.main import main as pipectl
from pipectl.output.console import explanation
from pipectl.text import documentation
from tests.cli.commands import all_commands
from tests.support import ROOT

PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
CLASSES = error_classes()
CODES = {kind.code for kind in CLASSES.values()}


def test_each_kind_of_error_has_its_own_code() -> None:
    assert len(CODES) == len(CLASSES) > 30


def test_each_code_has_advice_and_each_advice_a_code() -> None:
    assert ADVICE.keys() == CODES


def test_some_code_makes_each_kind_of_error() -> None:
    assert {each.error for each in raised()} == CLASSES.keys()


@pytest.mark.parametrize("name", PROBLEMS)
def test_some_code_gives_each_reason(name: str) -> None:
    error = f"{name.removesuffix('Problem')}Error"
    assert {each.problem for each in raised() if each.error == error} >= {member.name for member in PROBLEMS[name]}


def test_each_code_shows_a_message_of_the_program() -> None:
    shown = examples().keys() | {CLASSES[each.error].code for each in raised() if each.message}
    assert shown >= CODES
    assert examples().keys() <= CODES


@pytest.mark.parametrize("code", WORDS)
def test_words_that_lead_to_a_code_are_in_its_messages(code: str) -> None:
    section = PAGE.partition(f"\n## {code}\n")[2].partition("\n## ")[0]
    messages = [" ".join(section.split()) + " "]
    messages += [f"{each.message} {each.hint}" for each in raised() if CLASSES[each.error].code == code]
    assert not [words for words in WORDS[code] if not any(words in message for message in messages)]


def test_only_codes_that_exist_are_without_their_messages() -> None:
    assert WITHOUT_MESSAGES <= CODES


@pytest.mark.parametrize("name", CLASSES)
def test_the_address_in_an_error_leads_to_its_section(name: str) -> None:
    kind = CLASSES[name]
    page, _, anchor = explanation(kind.__new__(kind)).removeprefix(documentation("")).partition("#")
    assert page == "errors.md"
    assert anchor in [heading.lower() for heading in re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)]


@pytest.mark.parametrize("code", ADVICE)
def test_the_advice_names_commands_and_options_that_exist(code: str) -> None:
    commands = {" ".join(path): command for path, command in all_commands()}
    for line in re.findall(r"`pipectl ([^`]+)`", f"{ADVICE[code].comes} {ADVICE[code].do}"):
        words = shlex.split(line)
        path = next(" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in commands)
        known = {name for each in (commands[path], pipectl) for option in each.params for name in option.opts}
        assert {word for word in words if word.startswith("-")} <= known, line
        assert isinstance(commands[path], click.Command)
