"""The screens of `trace`."""

from __future__ import annotations

from decimal import Decimal

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.trace import Stage, Trace, TracedFailure
from pipectl.failures.status import ReplayStatus
from pipectl.output import trace
from tests.output.samples import NOON, samples_of
from tests.output.screens import document, printed

ITEM = {"signature": b"\x01\xff", "total": Decimal("12.50")}
OPTIONS = [("--local", None)]
NEXT = {
    Stage.FAILED: "replay-dlq --id 3f1c8a --force",
    Stage.LOST: "verify --repair",
    Stage.WAITING: "status",
    Stage.UNSEEN: "audit show 'an order'",
}
STORED = Trace("order-1", NOON, ITEM, Stage.STORED, 1, 1)


def test_bytes_and_numbers_of_the_item_are_written_as_in_json() -> None:
    text = printed(lambda screen: trace.result(screen, STORED, full=True))
    assert text.splitlines()[-1] == '{"signature": "Af8=", "total": 12.5}'
    assert document(lambda screen: trace.result(screen, STORED))["item"] == {"signature": "Af8=", "total": 12.5}


@pytest.mark.parametrize("stage", [each for each in Stage if each not in (Stage.STORED, Stage.REMOVED)])
def test_a_stage_that_needs_somebody_has_the_command_to_type_next(stage: Stage) -> None:
    failure = TracedFailure("3f1c8a", "Other", ReplayStatus.EXPIRED, is_unresolved=False)
    found = Trace("an order", NOON, None, stage, 1, 1, failure=failure if stage is Stage.FAILED else None)
    text = printed(lambda screen: trace.result(screen, found), OPTIONS)
    last = text.splitlines()[-1].removeprefix("Next:").strip()
    assert last == f"pipectl --local {NEXT[stage]}"
    assert document(lambda screen: trace.result(screen, found), OPTIONS)["next"][-1] == last


def test_a_pause_has_the_command_that_ends_it() -> None:
    found = Trace("a", NOON, None, Stage.WAITING, 1, 1, stopped="processing is paused: `pipectl resume` continues")
    assert document(lambda screen: trace.result(screen, found), OPTIONS)["next"] == ["pipectl --local resume"]


SAMPLES = samples_of("trace")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot
