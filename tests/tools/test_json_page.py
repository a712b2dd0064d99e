"""The page of the JSON documents has the keys of each command that prints one."""

from __future__ import annotations

import pytest
from tools.reference.documented import meanings

from pipectl.cli.main import COMMANDS, GROUPS
from tests.support import ROOT

PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
OF_DATA = {"outputs", "permissions", "template"}
"""Commands whose documents have only keys that are data."""


def test_each_command_with_a_document_has_a_section() -> None:
    commands = {name.split()[0] for name in SECTIONS}
    assert commands == COMMANDS.keys() - GROUPS["More"].keys() - OF_DATA


@pytest.mark.parametrize(
    ("command", "key"),
    [
        ("plan", "changes[].attributes.*"),
        ("status", "health.checks[].finding"),
        ("audit list", "failures[].replayStatus"),
        ("replay-dlq", "failing[].sequenceNumber"),
        ("verify", "lost[].sequenceNumber"),
    ],
)
def test_a_key_that_scripts_rely_on_is_listed(command: str, key: str) -> None:
    assert f"| `{key}` |" in SECTIONS[command]


def test_a_meaning_is_that_of_the_dataclass_with_these_keys() -> None:
    found = meanings(["name", "ok", "severity", "finding", "value", "detail", "command"])
    assert found["detail"].words == "The result as a sentence."
    assert "catching-up" in found["finding"].values
    assert meanings(["no", "dataclass"]) == {}
