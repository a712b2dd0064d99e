"""Pages in Chromium that come from memory or from the repository, never from the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Route

KINDS = {".svg": "image/svg+xml", ".png": "image/png"}
ORIGIN = "http://pipectl.test"
Files = Callable[[str], bytes | None]
"""Returns the content of a path, or None where there is none."""
VIOLATIONS = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
    window.__violations.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Site:
    """A page of Chromium and everything that happened on it."""

    page: Page
    files: Files
    requests: list[str] = field(default_factory=list)
    """Requests after the page itself."""
    missing: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """Console messages, errors, dialogs, new windows and downloads."""

    def open(self, path: str) -> Page:
        """Open a page of the site, and begin a new record of what happens."""
        for each in (self.requests, self.missing, self.events):
            each.clear()
        self.page.goto(f"{ORIGIN}/{path}")
        return self.page

    def violations(self) -> list[str]:
        """Return what the page's Content Security Policy blocked."""
        found: list[str] = self.page.evaluate("window.__violations")
        return found

    def dismiss(self, dialog: Dialog) -> None:
        """Note a dialog and close it."""
        self.events.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def answer(self, route: Route) -> None:
        """Answer a request from the files."""
        request = route.request
        if not (request.is_navigation_request() and request.frame == self.page.main_frame):
            self.requests.append(request.url)
        address = urlsplit(request.url)
        content = self.files(unquote(address.path[1:])) if request.url.startswith(f"{ORIGIN}/") else None
        if content is None:
            self.missing.append(request.url)
            route.abort()
            return
        kind = KINDS.get(PurePosixPath(address.path).suffix, "text/html")
        route.fulfill(body=content, content_type=f"{kind}; charset=utf-8")


def new_site(browser: Browser, files: Files) -> Site:
    """Return a new page in a new profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=False)
    context.set_default_timeout(5000)
    page = context.new_page()
    page.add_init_script(VIOLATIONS)
    site = Site(page, files)
    context.route("**/*", site.answer)
    page.on("console", lambda message: site.events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: site.events.append(f"error: {error}"))
    page.on("popup", lambda popup: site.events.append(f"window: {popup.url}"))
    page.on("download", lambda download: site.events.append(f"download: {download.url}"))
    page.on("dialog", site.dismiss)
    return site
