"""The page of the JSON documents names only keys that the documents have, and each command that prints one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any

import pytest

from pipectl.cli.main import COMMANDS, GROUPS
from pipectl.commands.send import SendState
from pipectl.commands.status import State
from pipectl.commands.trace import Stage
from pipectl.diagnosis import Verdict
from pipectl.engine.model import Action
from pipectl.failures.explanation import Safety
from pipectl.failures.status import ReplayStatus
from pipectl.output.console import Screen
from tests.output.documents import UNVERSIONED
from tests.output.samples import samples
from tests.support import ROOT

PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
DESCRIBED_IN_WORDS = {"outputs", "permissions", "template", "resume"}


def _keys(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for member in value:
            yield from _keys(member, f"{path}[]")
    elif isinstance(value, dict):
        for name, member in value.items():
            key = f"{path}.{name}".lstrip(".")
            yield key
            yield from _keys(member, key)


@cache
def _documented_keys(command: str) -> frozenset[str]:
    """Return the keys in all documents that the samples of a command print."""
    found: set[str] = set()
    for name, show in samples("DATA").items():
        if name.startswith(command) and name not in UNVERSIONED:
            screen = Screen(json_output=True)
            screen.out.file, screen.err.file = io.StringIO(), io.StringIO()
            show(screen)
            text = screen.out.file.getvalue()
            found |= set(_keys(json.loads(text) if text else None))
    return frozenset(found)


def _rows(section: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the codes of the key and of the meaning of each row."""
    for line in section.splitlines():
        if line.startswith("| `"):
            keys, meaning = line.strip("| ").split(" | ", 1)
            yield re.findall("`([^`]+)`", keys), re.findall("`([^`]+)`", meaning)


def test_each_command_with_a_document_has_a_section() -> None:
    commands = {name.split()[0] for name in SECTIONS}
    assert commands == COMMANDS.keys() - GROUPS["More"].keys() - DESCRIBED_IN_WORDS


@pytest.mark.parametrize("command", SECTIONS)
def test_each_key_of_the_page_is_in_a_document_of_the_command(command: str) -> None:
    keys = [key for row, _ in _rows(SECTIONS[command]) for key in row]
    assert keys
    assert not [key for key in keys if key not in _documented_keys(command)]


@pytest.mark.parametrize(
    ("command", "key", "values"),
    [
        ("plan", "changes[].action", Action),
        ("status", "resources[].state", State),
        ("send", "state", SendState),
        ("audit list", "failures[].replayStatus", ReplayStatus),
        ("audit list", "failures[].safety", Safety),
        ("trace", "stage", Stage),
        ("doctor", "checks[].verdict", Verdict),
    ],
)
def test_the_values_of_a_key_are_all_named(command: str, key: str, values: type[Enum]) -> None:
    named = {row[0]: meaning for row, meaning in _rows(SECTIONS[command])}
    assert named[key] == [member.value for member in values]
