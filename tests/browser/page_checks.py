"""Look at an HTML page in Chromium: what it is made of, and how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHECKS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # the descriptions of what keeps the rules take longer than the rules
}


def check(page: Page, name: str) -> Any:
    """Return what a function of page_checks.js finds."""
    return page.evaluate(f"{CHECKS}.{name}()")


def violations(page: Page, *rules: str) -> list[str]:
    """Return what breaks the rules of accessibility, or these of them."""
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = (
        Axe().run(page, options=RULES | ({"runOnly": [*rules]} if rules else {})).response["violations"]
    )
    return [f"{each['id']}: {node['html'][:150]} {node['failureSummary']}" for each in found for node in each["nodes"]]


def tabbed(page: Page, most: int = 300) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page. Return each element that had it."""
    found = []
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = check(page, "focused")
        if not focused["name"]:
            break
        found.append(focused)
    return found
