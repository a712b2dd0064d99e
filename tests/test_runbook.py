"""The runbook matches the program: its alarms, its commands, and the words of its outputs, as those of other pages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest

from pipectl.config.loading import load
from pipectl.config.names import Names
from pipectl.config.physical import PhysicalNames
from pipectl.monitoring.alarms import MEANINGS
from pipectl.resource_keys import ResourceKey
from tests.cli.commands import parse
from tests.output.test_hints import PLACEHOLDER, texts
from tests.support import DEV_CONFIG, ROOT

PAGE = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
PAGES = (PAGE, *((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/environments.md")))
BLOCKS = [each for page in PAGES for each in re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROWS = re.findall(r"^\| `?([\w-]+)`? \| .* \| \[(.+)\]\(#([\w-]+)\) \|$", PAGE, re.MULTILINE)
SPEAKING = ("cli", "commands", "config", "engine", "failures", "monitoring", "output", "review")
"""Packages with the words of the outputs."""
PARTS = ("Meaning", "What can be lost", "Commands", "Fixed when", "Escalate")
STAGED = {"dev", "staging", "prod", "backend", "returns", "shipping", "corrected", "sales", "alice", "y"}
"""Words of the environment and the incidents that were staged for the outputs, and the answer to their prompts."""


@cache
def _alarms() -> dict[str, str]:
    """Return the physical name of each alarm by its key."""
    config = load(DEV_CONFIG)
    names = Names(config.environment, config.team, config.project, "us-east-1", "0" * 12)
    physical = PhysicalNames.of(config, names)
    return {ResourceKey.ERRORS_ALARM: physical.errors_alarm, **physical.extra_alarms}


def test_every_alarm_has_a_row_and_a_section() -> None:
    named = {name: section for name, section, _ in ROWS if name != "none"}
    assert set(named) == set(_alarms().values())
    assert all(f"`{name}`" in SECTIONS[section] for name, section in named.items())


@pytest.mark.parametrize("key", MEANINGS)
def test_the_command_that_status_names_for_an_alarm_is_in_its_section(key: str) -> None:
    (section,) = [section for name, section, _ in ROWS if name == _alarms()[key]]
    assert f"pipectl {MEANINGS[key].command}" in SECTIONS[section].replace("--local ", "")


@pytest.mark.parametrize("section", [section for _, section, _ in ROWS])
def test_a_section_has_all_parts(section: str) -> None:
    assert [part for part in PARTS if f"**{part}" not in SECTIONS[section]] == []


def _shown_commands() -> set[str]:
    """Return the commands of the outputs: those that were typed, and those that pipectl suggests."""
    shown = {" ".join(each.split()) for block in BLOCKS for each in re.findall(r"`pipectl ([^`]+)`", block)}
    for block in BLOCKS:
        shown.update(re.findall(r"^\$ pipectl (.+)$", block, re.MULTILINE))
        shown.update(re.findall(r"(?:-> |^Next: |^      )pipectl (.+)$", block, re.MULTILINE))
    return shown


@pytest.mark.parametrize("command", sorted(_shown_commands()))
def test_a_command_of_an_output_is_valid(command: str) -> None:
    assert parse(shlex.split(command))


_END = r"[,;:.)?]*"
_RUN = re.compile(rf"(?<![\w\"'/.:_-])(?:(?:[A-Z]?[a-z]+|[A-Z]+)(?:'s)?(?:{_END}\s+|{_END}$))+", re.MULTILINE)


def _runs(text: str) -> Iterator[list[str]]:
    """Yield words that follow each other, in lower case. A run ends at a number, a name, a quotation or a sign."""
    for run in _RUN.findall(text):
        yield re.findall(r"[a-z]+(?:'s)?", run.lower())


def _known() -> tuple[set[str], set[tuple[str, str]]]:
    """Return the words that stand alone in a text of the program, and the pairs of words that follow each other."""
    alone: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    for pattern in ("src/pipectl/*.py", *(f"src/pipectl/{each}/*.py" for each in SPEAKING), "lambda_src/python/*/*.py"):
        for path in ROOT.glob(pattern):
            for text in texts(path):
                for run in _runs(" ".join(text.replace(PLACEHOLDER, " 0 ").split())):
                    pairs.update(pairwise(run))
                    if len(run) == 1:
                        alone |= {run[0], f"{run[0]}s"}
    return alone, pairs


def test_the_words_of_the_outputs_are_those_of_the_program() -> None:
    """A word that a screen no longer shows, or shows beside other words, must be corrected in the runbook, too."""
    alone, pairs = _known()
    unknown = set()
    for block in BLOCKS:
        for run in _runs("\n".join(line for line in block.splitlines() if not line.startswith("$"))):
            beside = {word for pair in pairwise(run) if pair in pairs for word in pair}
            unknown |= {" ".join(run) for word in run if word not in alone | beside | STAGED}
    assert unknown == set()


def test_the_outputs_fit_80_columns() -> None:
    """A name or an address that is longer has a line of its own: it can be copied."""
    lines = [line for block in BLOCKS for line in block.splitlines()]
    assert [line for line in lines if len(line) > 80 and len(line.split()) > 1] == []
