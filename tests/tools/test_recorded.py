"""The recorded pictures and outputs that are in the repository."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from tools.pictures import recorded, texts
from tools.pictures.session import Chunk, Recorder, Recording, RecordingError, client

from pipectl.cli.main import main as pipectl
from pipectl.local.home import LocalEmulator
from tests.support import ROOT

PICTURES = [
    ROOT / "docs" / "pictures" / f"{name}-{theme}.svg" for name in recorded.NAMES for theme in ("light", "dark")
]
EMULATOR = LocalEmulator("http://127.0.0.1:4", 4, 1, Path("log"), Path("home"), "secret")
LARGEST = 300_000
"""Bytes of a moving picture; it is loaded with the README."""


def commands(picture: Path) -> list[str]:
    """Return the command lines of a picture: the text after each prompt."""
    drawn = [each.text or "" for each in ElementTree.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}text")]
    return [after for prompt, after in pairwise(drawn) if prompt == "$"]


def markers() -> Iterator[tuple[str, str, str]]:
    """Yield the page, the name and the block of each marker in the documents."""
    for page in texts.pages(ROOT):
        for found in texts.MARKER.finditer(page.read_text(encoding="utf-8")):
            yield page.relative_to(ROOT).as_posix(), found["name"], found["block"] or ""


MARKERS = [*markers()]


def is_command(line: str) -> bool:
    """Return whether the program has a command with these options."""
    program, *words = shlex.split(line)
    return program == "pipectl" and CliRunner().invoke(pipectl, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_is_self_contained_small_and_shows_nothing_of_a_machine(picture: Path) -> None:
    drawn = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img"
    assert len((root.findtext("{*}title") or "").split()) > 1
    assert len(root.findtext("{*}desc") or "") > 100
    assert not {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "image", "foreignObject", "a"}
    assert not re.search(r"url\(|@import|href", drawn)
    assert recorded.PRIVATE.findall(drawn) == []
    assert len(drawn) < LARGEST


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_shows_commands_that_the_program_has(picture: Path) -> None:
    shown = commands(picture)
    assert shown
    assert [line for line in shown if not is_command(line)] == [], "run: python -m tools.pictures demo"


def test_a_command_that_the_program_does_not_have_is_found() -> None:
    assert is_command("pipectl --local audit list")
    assert not is_command("pipectl --local audit vanish")
    assert not is_command("pipectl status --no-such-option")
    assert not is_command("other status")


@pytest.mark.parametrize("name", [*recorded.SCREENS])
def test_both_themes_show_the_same_run(name: str) -> None:
    light, dark = (
        ElementTree.parse(ROOT / "docs" / "pictures" / f"{name}-{theme}.svg").getroot().findtext("{*}desc")
        for theme in ("light", "dark")
    )
    assert light == dark


def test_the_documents_have_outputs() -> None:
    assert MARKERS


@pytest.mark.parametrize(("page", "name", "block"), MARKERS)
def test_a_marker_has_a_known_name_and_a_block(page: str, name: str, block: str) -> None:
    assert name in recorded.OUTPUTS
    assert block, "a block ```text follows the marker"
    assert recorded.PRIVATE.findall(block) == []
    first = block.splitlines()[1]
    assert first.startswith("$ ")
    assert is_command(first[2:]), "run: python -m tools.pictures demo"


def output(*lines: str) -> Recording:
    return Recording("pipectl up", 40, 5, (Chunk(0, "\r\n".join(lines).encode()),), 1)


def test_a_block_is_replaced_and_the_rest_of_the_page_kept() -> None:
    page = (
        "a\n\n<!-- screen: up -->\n```text\nold\n```\nb\n<!-- screen: other -->\n```text\nother\n```\n```text\nc\n```\n"
    )
    new = texts.rewritten(page, {"up": texts.block("up", output("new"))})
    assert new == page.replace("old", "$ pipectl up\nnew")
    assert texts.rewritten(new, {"up": texts.block("up", output("new"))}) == new


def test_a_marker_without_a_block_is_kept() -> None:
    page = "<!-- screen: up -->\n\ntext\n\n```text\nother\n```\n"
    assert texts.rewritten(page, {"up": texts.block("up", output("new"))}) == page


def test_a_long_output_is_cut_where_it_says() -> None:
    head, tail = texts.CUTS["up"]
    lines = [str(number) for number in range(head + tail + 1)]
    cut = texts.block("up", output(*lines)).splitlines()
    assert cut[2:-1] == [*lines[:head], "...", *lines[-tail:]]
    assert "..." not in texts.block("up", output(*lines[1:]))


def test_cuts_are_for_outputs_of_the_scenario() -> None:
    assert {*texts.CUTS} <= recorded.OUTPUTS


@pytest.mark.parametrize(
    "text", ["/home/ada/orders", "at /tmp/x.py", "/root/.aws", "http://127.0.0.1:4566", "localhost"]
)
def test_paths_and_addresses_of_a_machine_are_found(text: str) -> None:
    assert recorded.PRIVATE.search(text)


@pytest.mark.parametrize("text", ["config/dev.yaml", "s3://bucket/tmp/x", "/aws/lambda/dev", "2026/11/26", "a/var/b"])
def test_names_in_aws_are_no_paths(text: str) -> None:
    assert not recorded.PRIVATE.search(text)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    paths = {"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    return Recorder(tmp_path, paths)


@pytest.mark.slow
def test_a_command_runs_in_a_terminal_and_gets_its_answers(recorder: Recorder) -> None:
    made = recorder.record("pipectl init orders", answers=("test", "", "", "", ""))
    assert b"\x1b[" in b"".join(chunk.data for chunk in made.chunks), "it has colours"
    assert [chunk.at for chunk in made.chunks] == sorted(chunk.at for chunk in made.chunks)
    assert (recorder.folder / "orders" / "config" / "test.yaml").exists()
    assert recorded.PRIVATE.findall(texts.block("init", made)) == []


@pytest.mark.slow
def test_a_command_that_fails_is_an_error_with_its_output(recorder: Recorder) -> None:
    with pytest.raises(RecordingError, match=r"exited with 2 instead of 0:\n(.|\n)*vanish"):
        recorder.record("pipectl vanish")


def test_a_client_of_the_emulator_ignores_the_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "missing")
    for name in ("HTTP_PROXY", "http_proxy", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    meta = client("sqs", EMULATOR).meta
    assert (meta.endpoint_url, meta.region_name, meta.config.proxies) == (EMULATOR.endpoint_url, "us-east-1", {})
