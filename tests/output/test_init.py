"""The screens of `init`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.output.samples import samples_of
from tests.output.screens import printed

SAMPLES = samples_of("init")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot
