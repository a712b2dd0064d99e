"""The page that `report` writes about a pipeline on the local emulator, in Chromium."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipectl.cli.main import main
from tests.browser import chromium
from tests.browser.page_checks import check
from tests.browser.site import new_site
from tests.e2e.mending import reopen
from tests.e2e.orders import Orders
from tests.support import ACCOUNT

pytestmark = [pytest.mark.emulator, pytest.mark.browser, pytest.mark.xdist_group("mended")]


def test_the_page_of_failed_orders_loads_nothing_and_has_their_names(mended: Orders, tmp_path: Path) -> None:
    path = chromium.require(os.environ)
    reopen(mended)
    file = tmp_path / "report.html"
    emulator = str(mended.world.aws.endpoint_url)
    words = ("-c", str(mended.world.file), "--endpoint-url", emulator, "report", "--html", str(file))
    result = CliRunner().invoke(main, words, env={"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"})
    assert result.exit_code == 0, result.stderr
    with chromium.launched(path) as browser:
        site = new_site(browser, lambda path: file.read_bytes() if path == file.name else None)
        page = site.open(file.name)
        check(page, "open")
        text = page.locator("body").inner_text()
        assert [order for order, _ in mended.poison if order not in text] == []
        assert mended.names.bucket in (page.locator("svg.picture desc").first.text_content() or "")
        assert (check(page, "active"), check(page, "outside")) == ([], [])
        assert (site.events, site.requests, site.violations()) == ([], [], [])
