"""The screens of all commands, as a terminal without colors shows them."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.cli.main import COMMANDS
from tests.output.samples import samples
from tests.output.screens import printed

SAMPLES = samples("DATA")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen_is_as_in_its_snapshot(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_every_command_has_a_screen() -> None:
    assert {name.partition(" ")[0] for name in SAMPLES} - {"error", "AWS"} == COMMANDS.keys()
