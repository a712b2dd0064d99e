"""The screens of `trace`."""

from __future__ import annotations

from decimal import Decimal

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.trace import Stage, Trace
from pipectl.output import trace
from tests.output.samples import samples_of
from tests.output.screens import document, printed

ITEM = {"signature": b"\x01\xff", "total": Decimal("12.50")}
STORED = Trace("order-1", ITEM, Stage.STORED, 1, 1, failure=None, events=(), stopped=None, more=False)


def test_bytes_and_numbers_of_the_item_are_written_as_in_json() -> None:
    text = printed(lambda screen: trace.result(screen, STORED))
    assert text.splitlines()[0] == '{"signature": "Af8=", "total": 12.5}'
    assert document(lambda screen: trace.result(screen, STORED))["item"] == {"signature": "Af8=", "total": 12.5}


SAMPLES = samples_of("trace")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot
