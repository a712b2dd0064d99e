"""README and documents as GitHub shows them, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import markdown
from tests.browser import rendered
from tests.browser.site import Site, new_site
from tests.support import ROOT, THOROUGH

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = [path.relative_to(ROOT).as_posix() for path in markdown.PAGES if path.name != "CHANGELOG.md"]
ILLUSTRATED = [each for each in PAGES if "<picture>" in (ROOT / each).read_text("utf-8")]
OPENED = PAGES if THOROUGH else ILLUSTRATED
RAW = re.compile(r"\*\*|\]\(|```|\|.*\|")
CODE = re.compile(r"<(pre|code|style|title)\b.*?</\1>", re.DOTALL)
LOOK = """
async () => {
  const images = [...document.images];
  await Promise.all(images.map((each) => each.decode().catch(() => null)));
  return {
    broken: images.filter((each) => !each.naturalWidth).map((each) => each.currentSrc || each.src),
    unnamed: images.filter((each) => each.alt.trim().split(/\\s+/).length < 2).map((each) => each.src),
    shown: images.map((each) => new URL(each.currentSrc).pathname.slice(1)),
    anchors: [...document.querySelectorAll('a[href^="#"]')].map((each) => decodeURIComponent(each.hash.slice(1)))
      .filter((each) => !document.getElementById(each)),
    wide: document.documentElement.scrollWidth - innerWidth,
  };
}
"""
PHONE, DESK = 390, 1280
"""Widths in pixels."""


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    made = new_site(browser, rendered.read)
    yield made
    made.page.context.close()


def look(site: Site, path: str, **media: Any) -> dict[str, Any]:
    """Open a document and return how it is shown."""
    site.page.set_viewport_size({"width": PHONE if media.pop("phone", False) else DESK, "height": 900})
    site.page.emulate_media(**media)
    found: dict[str, Any] = site.open(path).evaluate(LOOK)
    return found


def written(page: str) -> tuple[list[int], list[str]]:
    """Return the levels of the headings of a page as HTML, and the Markdown that it shows as it is written."""
    prose = re.split(r"<[^>]*>", CODE.sub("", page))
    return [int(level) for level in re.findall(r"<h([1-6])", page)], [each for each in prose if RAW.search(each)]


@pytest.mark.parametrize("path", PAGES)
def test_a_document_is_markdown_with_headings_in_order(path: str) -> None:
    headings, raw = written((rendered.read(path) or b"").decode())
    assert raw == [], "Markdown that is shown as it is written"
    assert headings[0] == 1
    assert max((after - before for before, after in pairwise(headings)), default=1) <= 1, "a heading skips a level"


@pytest.mark.parametrize("path", OPENED)
def test_a_document_is_shown_whole(path: str, site: Site) -> None:
    found = look(site, path, color_scheme="light", phone=True)
    assert (found["broken"], site.missing) == ([], []), "a picture does not load"
    assert found["unnamed"] == [], "a picture has no alternative text"
    assert found["anchors"] == [], "a link leads to no heading"
    assert found["wide"] <= 0, "a phone scrolls to the side"
    assert [each for each in site.events if "ERR_FAILED" not in each] == []


@pytest.mark.parametrize("path", ILLUSTRATED)
def test_a_document_shows_the_pictures_of_the_theme(path: str, site: Site) -> None:
    shown = {scheme: look(site, path, color_scheme=scheme)["shown"] for scheme in ("light", "dark")}
    themed = [Path(each) for each in shown["light"] if each.endswith("-light.svg")]
    dark = [Path(each) for each in shown["dark"] if each.endswith("-dark.svg")]
    assert themed
    assert [each.stem.removesuffix("-dark") for each in dark] == [each.stem.removesuffix("-light") for each in themed]


BAD = """# Title

### A level too deep

[no heading](#absent), ![](absent.png), ** raw **

| a | b
| table without its line
"""


def test_a_bad_document_is_found(browser: Browser) -> None:
    page = rendered.rendered(BAD)
    headings, raw = written(page)
    assert (headings, len(raw)) == ([1, 3], 2)
    site = new_site(browser, lambda path: page.encode() if path == "bad.md" else None)
    found = look(site, "bad.md")
    assert (len(found["broken"]), len(found["unnamed"]), site.missing) == (1, 1, ["http://pipectl.test/absent.png"])
    assert found["anchors"] == ["absent"]
    site.page.context.close()
