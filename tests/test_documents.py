"""The documents lead to each other: links, anchors, pictures, and one index that has every page once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pipectl.text import documentation
from tests import markdown
from tests.support import ROOT

DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
TEMPLATE = ROOT / "scaffold" / "README.md"
"""The README of a new project. It is copied elsewhere, so its links are addresses."""
REPOSITORY = documentation("").removesuffix("docs/")
BY_WORD = "## By word"
"""The section of the index that names pages again, by the words that people look for."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def relative(page: Path) -> list[str]:
    """Return the links of a page that lead into this repository, relative to the page."""
    text = page.read_text(encoding="utf-8")
    own = [f"{ROOT}/{link.removeprefix(REPOSITORY)}" for link in markdown.links(text) if link.startswith(REPOSITORY)]
    return own + [link for link in markdown.links(text) if not re.match(r"[a-z][a-z0-9+.-]*:", link)]


@pytest.mark.parametrize("page", [*markdown.PAGES, TEMPLATE], ids=name)
def test_every_link_leads_to_a_file_of_this_repository(page: Path) -> None:
    targets = [(link, markdown.target(page, link)[0]) for link in relative(page)]
    assert [link for link, file in targets if not file.exists() or not file.is_relative_to(ROOT)] == []


@pytest.mark.parametrize("page", [*markdown.PAGES, TEMPLATE], ids=name)
def test_every_anchor_of_a_link_is_a_heading_of_its_page(page: Path) -> None:
    targets = [(link, *markdown.target(page, link)) for link in relative(page)]
    wrong = [
        link
        for link, file, anchor in targets
        if anchor and file.is_file() and anchor not in markdown.anchors(file.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_the_links_of_a_new_project_are_addresses() -> None:
    links = markdown.links(TEMPLATE.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


@pytest.mark.parametrize("page", markdown.PAGES, ids=name)
def test_every_picture_exists_and_has_an_alternative_text(page: Path) -> None:
    shown = markdown.pictures(page.read_text(encoding="utf-8"))
    assert [file for _, file in shown if not (page.parent / file).is_file()] == []
    assert [file for alt, file in shown if alt is not None and len(alt.split()) < 2] == []


def test_every_picture_is_shown_by_a_page() -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in markdown.PAGES}
    shown = {(page.parent / file).resolve() for page, text in texts.items() for _, file in markdown.pictures(text)}
    assert [name(file) for file in sorted(DOCS.rglob("*.svg")) if file not in shown] == []


@pytest.mark.parametrize("page", [page for page in markdown.PAGES if page.name != "CHANGELOG.md"], ids=name)
def test_a_page_has_no_other_html_than_pictures(page: Path) -> None:
    allowed = {"picture", "source", "img"}
    assert {tag for tag, _ in markdown.tags(page.read_text(encoding="utf-8"))} <= allowed


@pytest.mark.parametrize("page", markdown.PAGES, ids=name)
def test_a_page_begins_with_its_only_title(page: Path) -> None:
    text = markdown.without_blocks(page.read_text(encoding="utf-8")).strip()
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


def test_the_index_has_every_page_once() -> None:
    """The tables have it once; the sentences before them may name it, too."""
    tables = "\n".join(line for line in INDEX.read_text("utf-8").split(BY_WORD)[0].splitlines() if line.startswith("|"))
    listed = Counter(file for file, _ in (markdown.target(INDEX, link) for link in markdown.links(tables)))
    expected = {page for page in markdown.PAGES if page not in (INDEX, ROOT / "README.md")}
    assert {name(page) for page in expected - {*listed}} == set(), "add a line for the page to docs/README.md"
    assert [name(page) for page, times in listed.items() if times > 1] == []


def test_the_words_of_the_index_are_sorted_and_lead_to_a_place() -> None:
    lines = [line for line in INDEX.read_text("utf-8").split(BY_WORD)[1].splitlines() if line.startswith("- ")]
    assert len(lines) > 10
    assert [line for line in lines if not markdown.links(line)] == []
    words = [line[2:].split(":")[0].replace("`", "").casefold() for line in lines]
    assert words == sorted(words)


def test_the_readme_leads_to_the_index() -> None:
    readme = ROOT / "README.md"
    assert INDEX in [markdown.target(readme, link)[0] for link in relative(readme)]
