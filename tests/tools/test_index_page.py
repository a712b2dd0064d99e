"""The page of the package index: addresses that work there, pictures that are shown, and the package's own sentence."""

from __future__ import annotations

import re
import tomllib

from markdown_it import MarkdownIt
from readme_renderer.clean import clean
from tools.index_page import absolute

from tests.support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
FILES, RAW = "https://example.org/blob/v1/", "https://raw.example.org/v1/"


def test_links_become_absolute() -> None:
    page = "[a](docs/a.md#b) [b](https://x.org) [c](#c) [d](mailto:e@x.org)"
    assert absolute(page, "U/", "R/") == "[a](U/docs/a.md#b) [b](https://x.org) [c](#c) [d](mailto:e@x.org)"


def test_pictures_become_those_of_the_raw_files() -> None:
    page = '![e](e.png) <source media="(dark)" srcset="d.svg"><img alt="a > b" src="l.svg"> <img src="https://x/y.svg">'
    expected = re.sub(r"(?=(?:e\.png|d\.svg|l\.svg))", RAW, page)
    assert absolute(page, FILES, RAW) == expected


def test_a_picture_that_is_a_link_gets_both_addresses() -> None:
    assert absolute("[![a](b.svg)](c.md)", FILES, RAW) == f"[![a]({RAW}b.svg)]({FILES}c.md)"


def test_the_index_shows_every_picture_of_the_readme_from_the_raw_file_with_its_text() -> None:
    """The index removes tags that it does not know; ``clean`` is its own filter."""
    html = MarkdownIt("commonmark").enable("table").render(absolute(README, FILES, RAW))
    shown = clean(html)
    pictures = re.findall(r"<img [^>]*>", shown or "")
    assert len(pictures) == README.count("<picture>") > 0
    for picture in pictures:
        name = re.search(rf'src="{RAW}([^"]+)-light\.svg"', picture)
        assert name, picture
        assert re.search(r'alt="[^"]{20,}"', picture)


def test_no_address_of_the_page_is_relative() -> None:
    html = clean(MarkdownIt("commonmark").enable("table").render(absolute(README, FILES, RAW))) or ""
    addresses = re.findall(r'(?:href|src)="([^"]+)"', html)
    assert [each for each in addresses if not re.match(r"https://|#", each)] == []
    assert any(each.startswith(FILES) for each in addresses)


def test_the_package_is_described_by_the_first_sentence_of_the_readme() -> None:
    """The summary is in the imperative, the sentence in the indicative; the rest is the same."""
    summary = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["description"]
    first = " ".join(README.split("\n\n")[1].split())
    assert summary.startswith("Create and operate an ")
    assert first == summary.replace("Create and operate", "`pipectl` creates and operates", 1)
