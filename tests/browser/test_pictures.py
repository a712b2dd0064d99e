"""Every picture of the documents, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from pipectl.output.svg import LIGHT, box, document, label, line
from tests.browser.site import Site, new_site
from tests.browser.texts import GROUNDS, faults, texts
from tests.support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = {path.relative_to(ROOT).as_posix(): path for path in sorted((ROOT / "docs").rglob("*.svg"))}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def schemes(path: str) -> list[Scheme]:
    """Return the themes that a picture is shown in: that of its name, or both."""
    return [scheme for scheme in SCHEMES if path.endswith(f"-{scheme}.svg")] or [*SCHEMES]


SHOWN = [(path, scheme) for path in PICTURES for scheme in schemes(path)]


SHOW = """(text) => {
  const picture = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  document.replaceChild(document.adoptNode(picture), document.documentElement);
}"""
"""Shows a picture in place of another one, which takes a third of the time of opening it."""
ALL = "".join(f'<img alt="" src="/{path}">' for path in PICTURES)


def read(path: str) -> bytes | None:
    """Return a picture, or a page that shows all of them as documents do."""
    return PICTURES[path].read_bytes() if path in PICTURES else ALL.encode()


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    made = new_site(browser, read)
    yield made
    made.page.context.close()


def test_every_picture_loads(site: Site) -> None:
    page = site.open("all.html")
    sizes = "Promise.all([...document.images].map((each) => each.decode().then(() => each.naturalWidth, () => 0)))"
    found = dict(zip(PICTURES, page.evaluate(sizes), strict=True))
    assert [path for path, width in found.items() if not width] == []
    assert min(found.values()) > 100


@pytest.mark.parametrize(("path", "scheme"), SHOWN, ids=[f"{Path(path).stem} {scheme}" for path, scheme in SHOWN])
def test_the_texts_of_a_picture_are_readable(path: str, scheme: Scheme, site: Site) -> None:
    page = site.page if site.page.url.endswith(".svg") else site.open(path)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(SHOW, PICTURES[path].read_text(encoding="utf-8"))
    found = texts(page, "svg", GROUNDS[scheme])
    assert found
    assert faults(found) == []
    assert (site.requests, site.events) == ([], []), "the picture needs another file"


BAD = [
    box(20, 20, 120, 30),
    label(30, 40, "a text that is longer than its box"),
    label(30, 80, "pale", tone="pale"),
    label(30, 110, "crossed"),
    line([(0, 106), (200, 106)]),
    label(30, 140, "one"),
    label(40, 144, "another"),
    label(370, 170, "cut off"),
    label(30, 200, "small", size=7),
    label(30, 230, "covered"),
    box(20, 215, 90, 30),
    label(300, 230, "good"),
]


def test_a_picture_with_bad_texts_is_found(site: Site) -> None:
    bad = document(400, 260, BAD, theme=LIGHT, title="t", description="d", name="x")
    page = site.open("all.html")
    page.set_content(bad.replace("<style>", "<style>text.pale{fill:#999 !important}"))
    found = {each.replace("'", "").split(" ", 1)[0]: each for each in faults(texts(page, "svg", "#ffffff"))}
    assert {*found} == {"a", "pale", "crossed", "one", "cut", "small", "covered"}
    assert "outside its box" in found["a"]
    assert "contrast of 2.8" in found["pale"]
    assert "crossed by path.line plain" in found["crossed"]
    assert "overlaps 'another'" in found["one"]
    assert "outside its box" in found["cut"]
