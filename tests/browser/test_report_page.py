"""The page of `report --html`, in Chromium: inert, accessible, on a phone, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pytest

from pipectl.output.console import Screen
from pipectl.output.report import page as rendered
from tests.browser.page_checks import check, tabbed, violations
from tests.browser.site import Site, new_site
from tests.browser.texts import faults, texts
from tests.output.report_samples import reports

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "".join(
    (
        "\"><script>alert(1)</script><img src=http://evil.test/1 onerror=alert(2)>' onmouseover='alert(3)' ",
        "style='background:url(http://evil.test/2)'</style></title></textarea></svg><svg/onload=alert(4)>",
        '<a href="javascript:alert(5)">--><!--]]><plaintext>{{7*7}}{%raw%}',
        "<math><mtext><table><mglyph><style><!--</style>",
        '<img title="--&gt;&lt;img src=1 onerror=alert(6)&gt;"></table>',
        '<meta http-equiv=refresh content="0;url=//evil.test/3">',
        "<base href=http://evil.test/><link rel=stylesheet href=http://evil.test/4><template><noscript>",
        '<p title="</noscript><img src=x onerror=alert(7)>"></template>&#x6A;avascript&colon;alert(8)',
        "\u2028\u202e\0\x1b[31m\ud800\ufffe",
    )
)
"""Data of an order that try to run a script, to load something, or to become elements when they are parsed again."""
TEXTS = {"plain": "amount must be a number", "hostile": HOSTILE, "long": "w" * 3000}
NAMES = ("incident", "healthy", "not created", "unreadable")
PAPER = 680
"""Pixels: A4 without its margins."""
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def site(browser: Browser) -> Iterator[Site]:
    """Return a site whose addresses are a report and its text: ``incident/plain``."""
    pages = {
        f"{name}/{kind}": rendered(Screen(), report)
        for kind, text in TEXTS.items()
        for name, report in reports(text).items()
    }

    def read(path: str) -> bytes | None:
        return pages[path].encode("utf-8", errors="replace") if path in pages else None

    made = new_site(browser, read)
    yield made
    made.page.context.close()


def shown(site: Site, path: str, *, scheme: Scheme = "light", width: int = 1280, paper: bool = False) -> Page:
    """Open a report with these settings of the browser."""
    site.page.set_viewport_size({"width": PAPER if paper else width, "height": 900})
    site.page.emulate_media(color_scheme=scheme, media="print" if paper else "screen", reduced_motion="no-preference")
    return site.open(path)


@pytest.mark.parametrize("name", ["incident", "unreadable"])
def test_hostile_data_run_nothing_and_load_nothing(name: str, site: Site) -> None:
    page = shown(site, f"{name}/hostile")
    check(page, "open")
    assert check(page, "active") == []
    assert (site.events, site.requests, site.violations()) == ([], [], [])
    assert "<script>alert(1)</script>" in page.locator("body").inner_text()
    assert page.title().isprintable()


@pytest.mark.parametrize("name", NAMES)
def test_a_report_keeps_the_rules_of_accessibility(name: str, site: Site) -> None:
    page = shown(site, f"{name}/plain")
    check(page, "open")
    assert violations(page) == []
    assert faults(texts(page, "body", check(page, "ground"))) == []
    page.emulate_media(color_scheme="dark")
    if name in ("incident", "unreadable"):  # which have every colour
        assert violations(page, "color-contrast") == []
    assert faults(texts(page, "body", check(page, "ground"))) == []
    assert (site.events, site.requests, site.violations()) == ([], [], [])


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_in_order(name: str, site: Site) -> None:
    found = check(shown(site, f"{name}/plain"), "order")
    assert found["headings"].count(1) == 1
    assert found["headings"][0] == 1
    assert max((after - before for before, after in pairwise(found["headings"])), default=0) <= 1
    assert found["tables"] == [], "a table without a caption, or with a heading without a scope"
    assert found["times"] == [], "a time that is not RFC 3339 in UTC"
    assert found["pictures"] == [], "a picture without a name"


@pytest.mark.parametrize("kind", ["plain", "long"])
@pytest.mark.parametrize("name", NAMES)
def test_a_report_fits_the_screen(name: str, kind: str, site: Site) -> None:
    page = shown(site, f"{name}/{kind}")
    check(page, "open")
    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert check(page, "outside") == [], width


@pytest.mark.parametrize("width", [1280, 640])
def test_text_of_twice_the_size_fits(width: int, site: Site) -> None:
    page = shown(site, "incident/plain", width=width)
    letters = check(page, "letters")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    check(page, "open")
    assert check(page, "letters") == 2 * letters
    assert check(page, "outside") == []


def test_the_keyboard_reaches_everything_in_order(site: Site) -> None:
    page = shown(site, "incident/plain")
    reachable = check(page, "focusable")
    focused = tabbed(page)
    assert [each["name"] for each in focused] == reachable
    assert [each["name"] for each in focused if not (each["outlined"] and each["seen"])] == []
    assert page.locator(page.locator("a").first.get_attribute("href") or "").count() == 1


def test_enter_opens_a_list(site: Site) -> None:
    page = shown(site, "incident/plain")
    closed = page.locator("details:not([open]) > summary").first
    closed.focus()
    opened = page.evaluate_handle("document.activeElement.parentElement")
    page.keyboard.press("Enter")
    assert opened.evaluate("(each) => each.open") is True


def test_a_printed_report_is_light_and_whole(site: Site) -> None:
    page = shown(site, "incident/plain", scheme="dark", paper=True)
    assert check(page, "ground") == "rgb(255, 255, 255)"
    for name in ("hidden", "outside", "scrolled", "breakable"):
        assert check(page, name) == [], name
    assert faults(texts(page, "body", "#ffffff"), smallest=8) == []  # 6 pt


def test_nothing_moves_for_people_who_want_no_motion(site: Site) -> None:
    page = shown(site, "incident/plain")
    page.emulate_media(reduced_motion="reduce")
    assert check(page, "moving") == []
