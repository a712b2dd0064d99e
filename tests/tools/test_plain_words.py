"""The check of plain words finds words and openings, with place and advice, and passes on this project."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "plain_words.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plain_words", TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["plain_words"] = module
    spec.loader.exec_module(module)
    return module


def findings(tool: ModuleType, folder: Path, name: str, text: str) -> list[tuple[str, int, str]]:
    path = folder / name
    path.write_text(text)
    return [(each.area, each.line, each.text) for each in tool.check(path, folder)]


def test_a_private_word_is_found_with_its_line(tool: ModuleType, tmp_path: Path) -> None:
    assert findings(tool, tmp_path, "page.md", "The record\nfailed For Good.\n") == [("page.md", 2, "For Good")]


def test_a_longer_word_that_holds_a_private_one_is_allowed(tool: ModuleType, tmp_path: Path) -> None:
    assert findings(tool, tmp_path, "page.md", "unforgettable for goodness\n") == []


@pytest.mark.parametrize("definition", ["", "class C:\n    ", "def f():\n    ", "async def f():\n    "])
def test_an_oblique_docstring_is_found(tool: ModuleType, tmp_path: Path, definition: str) -> None:
    found = findings(tool, tmp_path, "code.py", f'{definition}"""What it returns."""\n')
    assert [text for _, _, text in found] == ["What"]


def test_a_docstring_with_a_verb_is_allowed(tool: ModuleType, tmp_path: Path) -> None:
    assert findings(tool, tmp_path, "code.py", 'def f():\n    """Return what it is."""\n') == []


def test_an_oblique_javascript_comment_is_found(tool: ModuleType, tmp_path: Path) -> None:
    found = findings(tool, tmp_path, "code.mjs", "let a;\n/**\n * Whether it is.\n */\n/** Return it. */\n")
    assert found == [("code.mjs", 2, "Whether")]


def test_the_project_has_no_more_findings_than_its_baseline(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main([]) == 0
    assert capsys.readouterr().out == ""
