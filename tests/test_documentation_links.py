"""Pointers to the documentation work for users who have only the package: addresses, never paths of the repository."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import click

from pipectl.text import documentation
from tests.cli.commands import all_commands
from tests.markdown import anchors, target
from tests.support import ROOT

FILES = [
    path
    for folder in ("src", "config", "scaffold", "lambda_src")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file() and path.suffix not in (".pyc", ".png") and "node_modules" not in path.parts
]
PATH = re.compile(r"(?<![\w/])docs/[\w-]*")
ADDRESS = re.compile(rf"{re.escape(documentation(''))}([\w/-]+\.md(?:#[\w-]+)?)")
CALL = re.compile(r"""documentation\(f?["']([^"'{]+)["'{]""")


def messages(source: str) -> Iterator[str]:
    """Yield the texts of a module without its docstrings, which are for its readers."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_message_names_a_page_by_its_path() -> None:
    modules = {path: path.read_text(encoding="utf-8") for path in FILES if path.suffix == ".py"}
    found = {path: [each for each in messages(text) if PATH.search(each)] for path, text in modules.items()}
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_no_file_of_a_new_project_names_a_page_by_its_path() -> None:
    others = [path for path in FILES if path.suffix != ".py"]
    assert [path for path in others if PATH.search(path.read_text(encoding="utf-8"))] == []


def test_no_help_names_a_page_by_its_path() -> None:
    helps = {path: command.get_help(click.Context(command)) for path, command in all_commands()}
    assert [path for path, text in helps.items() if PATH.search(text)] == []


def test_addresses_lead_to_pages_and_headings_that_exist() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    links = {link for text in texts for pattern in (ADDRESS, CALL) for link in pattern.findall(text)}
    assert "config.md" in links
    targets = {link: target(ROOT / "docs" / "README.md", link) for link in links}
    assert [link for link, (page, _) in targets.items() if not page.is_file()] == []
    wrong = [link for link, (page, anchor) in targets.items() if anchor and anchor not in anchors(page.read_text())]
    assert wrong == []


def test_addresses_are_below_the_documentation_of_the_package() -> None:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert documentation("") == f"{urls['Documentation'].replace('/tree/', '/blob/')}/"
