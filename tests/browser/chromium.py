"""The Chromium of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "PIPECTL_CHROMIUM"
QUIET = (
    "--no-sandbox",  # root, as in containers, has no sandbox
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find(environment: Mapping[str, str]) -> str | None:
    """Return the path of Chromium or Chrome."""
    names = [environment[VARIABLE]] if environment.get(VARIABLE) else NAMES
    found = (shutil.which(name, path=environment.get("PATH", "")) for name in names)
    return next((path for path in found if path), None)


def require(environment: Mapping[str, str]) -> str:
    """Return the path of Chromium or Chrome. Without one skip the test; on a CI server fail it."""
    if path := find(environment):
        return path
    reason = f"no Chromium: install {' or '.join(NAMES)}, or set {VARIABLE}"
    if environment.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextmanager
def launched(path: str) -> Iterator[Browser]:
    """Run Chromium, headless."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()
