"""Every picture of the documents, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.site import Site, new_site
from tests.support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = sorted((ROOT / "docs").rglob("*.svg"))


def read(path: str) -> bytes | None:
    """Return a picture, or a page that shows it as documents do."""
    picture = ROOT / path.removesuffix(".html")
    if picture not in PICTURES:
        return None
    return picture.read_bytes() if path.endswith(".svg") else f'<img alt="" src="/{path[:-5]}">'.encode()


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    made = new_site(browser, read)
    yield made
    made.page.context.close()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_a_picture_loads_and_needs_no_other_file(picture: Path, site: Site) -> None:
    path = picture.relative_to(ROOT).as_posix()
    shown = site.open(f"{path}.html")
    assert shown.evaluate("document.images[0].decode().then(() => document.images[0].naturalWidth)") > 0
    site.open(path)
    assert (site.requests, site.events) == ([], [])
