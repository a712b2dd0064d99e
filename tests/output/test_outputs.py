"""The screens of `outputs`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.output import outputs
from tests.output.samples import samples_of
from tests.output.screens import on_terminal, printed

SAMPLES = samples_of("outputs")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_commands_for_a_shell_are_not_broken_on_a_narrow_terminal() -> None:
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/dev-order-processor-dlq-backend and more"
    lines = on_terminal(lambda screen: outputs.result(screen, {"DeadLetterQueueUrl": url}, env=True), 40)

    assert lines == [f"export DEAD_LETTER_QUEUE_URL='{url}'"]
