"""The check of plain words finds words and openings, with place and advice, and passes on this project."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import plain_words


def findings(folder: Path, name: str, text: str) -> list[tuple[str, int, str]]:
    path = folder / name
    path.write_text(text)
    return [(each.path, each.line, each.text) for each in plain_words.check(path, folder)]


def test_a_private_word_is_found_with_its_line(tmp_path: Path) -> None:
    word = "For" + " Good"
    assert findings(tmp_path, "page.md", f"The record\n{word}.\n") == [("page.md", 2, word)]


def test_a_longer_word_that_holds_a_private_one_is_allowed(tmp_path: Path) -> None:
    assert findings(tmp_path, "page.md", "unforgettable for goodness\n") == []


@pytest.mark.parametrize("definition", ["", "class C:\n    ", "def f():\n    ", "async def f():\n    "])
def test_an_oblique_docstring_is_found(tmp_path: Path, definition: str) -> None:
    found = findings(tmp_path, "code.py", f'{definition}"""What it returns."""\n')
    assert [text for _, _, text in found] == ["What"]


def test_an_oblique_docstring_of_a_constant_is_found(tmp_path: Path) -> None:
    found = findings(tmp_path, "code.py", 'A = 1\n"""How long it waits."""\n')
    assert found == [("code.py", 2, "How")]


def test_a_docstring_with_a_verb_is_allowed(tmp_path: Path) -> None:
    assert findings(tmp_path, "code.py", 'def f():\n    """Return what it is."""\n') == []


def test_an_oblique_javascript_comment_is_found(tmp_path: Path) -> None:
    found = findings(tmp_path, "code.mjs", "let a;\n/**\n * Whether it is.\n */\n/** Return it. */\n")
    assert found == [("code.mjs", 2, "Whether")]


def test_the_project_has_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert plain_words.main([]) == 0
    assert capsys.readouterr().out == ""
