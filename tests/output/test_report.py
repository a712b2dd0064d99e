"""The page of `report`, and the line that names it."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.report import MARKER
from pipectl.output import report
from pipectl.output.console import Screen
from tests.output.report_samples import reports
from tests.output.samples import samples_of
from tests.output.screens import printed

SAMPLES = samples_of("report")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


@pytest.mark.parametrize("name", reports("DATA"))
def test_a_page_has_the_marker_in_its_beginning(name: str) -> None:
    page = report.page(Screen(), reports("DATA")[name])
    assert MARKER.decode() in page[:1000]
