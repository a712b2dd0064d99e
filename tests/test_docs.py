"""The documentation says what the program does."""

from __future__ import annotations

import re
import shlex
import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipectl.cli import main as pipectl
from pipectl.local import lifecycle
from pipectl.local.lifecycle import LocalEmulator
from tests.support import DEV_CONFIG, ROOT

ACCOUNT = "500000000001"
pytestmark = pytest.mark.xdist_group("docs")  # `--local` means one port of the machine
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
import generate  # noqa: E402

PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("docs/config.md", generate.config_reference),
        ("docs/commands.md", generate.command_reference),
        ("config/schema.json", generate.schema),
    ],
)
def test_a_generated_page_is_what_the_program_makes(page: str, made: object) -> None:
    assert callable(made)
    assert (ROOT / page).read_text() == made(), "run `python docs/generate.py`"


def shown_commands() -> list[str]:
    """Every pipectl command line in code blocks and code spans of the documentation, without comments."""
    shown: set[str] = set()
    for page in PAGES:
        if page.name == "commands.md":
            continue
        for text in re.findall(r"`(pipectl [^`\n]+)`|^\s*(pipectl .+)$", page.read_text(), re.MULTILINE):
            line = " ".join(text).split("#")[0].split(" > ")[0].strip()
            shown.add(line)
    return sorted(shown)


@pytest.fixture(scope="module")
def up_and_running(emulator: LocalEmulator) -> dict[str, str]:
    """A pipeline to run the shown commands against: the environment that leads to it."""
    environment = {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "PIPECTL_CONFIG": str(DEV_CONFIG),
    }
    result = CliRunner().invoke(pipectl, ["up", "--yes"], env=environment)
    assert result.exit_code == 0, result.output
    return environment


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.emulator
@pytest.mark.parametrize("line", shown_commands())
def test_every_command_line_that_the_docs_show_runs(line: str, up_and_running: dict[str, str], tmp_path: Path) -> None:
    words = [str(tmp_path) if word == "DIR" else word for word in shlex.split(line)[1:]]
    if {"-f", "--follow"}.intersection(words):
        words.append("--help")  # it would never end
    try:
        if {"--local", "local"}.intersection(words):  # on a port of its own: other tests run beside this one
            lifecycle.start(lifecycle.home(), port=_free_port())
        if "--local" in words:
            made = CliRunner().invoke(pipectl, ["--local", "up", "--yes"], env=up_and_running)
            assert made.exit_code == 0, made.output
        result = CliRunner().invoke(pipectl, words, env=up_and_running)
    finally:
        lifecycle.stop(lifecycle.home())
    asks = "this is not a terminal" in result.stderr
    names_nothing = {"ID", "KEY", str(tmp_path)}.intersection(words) and "Error:" in result.stderr
    assert result.exit_code in (0, 3, 4) or asks or names_nothing, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_documentation_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
