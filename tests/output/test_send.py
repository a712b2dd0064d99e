"""The screens of `send`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.output.samples import samples_of
from tests.output.screens import LOCAL, document, printed

SAMPLES = samples_of("send")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_the_document_of_a_stored_order_has_order_and_object() -> None:
    found = document(SAMPLES["send"])
    assert (found["state"], found["order"]["amount"], found["document"]["newImage"]) == (
        "stored",
        12.5,
        {"amount": 12.5},
    )


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("send failed", ["pipectl --local audit show 3f1c8a0", "pipectl --local logs --order DATA"]),
        ("send waiting", ["pipectl --local trace DATA"]),
        ("send waiting while paused", ["pipectl --local resume", "pipectl --local trace DATA"]),
        ("send --direct without a log", ["pipectl --local logs --errors --since 5m"]),
    ],
)
def test_the_next_commands_carry_the_options(name: str, following: list[str]) -> None:
    assert document(SAMPLES[name], LOCAL)["next"] == following
