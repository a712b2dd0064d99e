"""The screens of `replay-dlq`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.replay_dlq import Preview
from pipectl.output.replay_dlq import question
from tests.output.samples import NOON, samples_of
from tests.output.screens import document, printed

SAMPLES = samples_of("replay-dlq")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


def test_preview_and_result_count_by_the_same_words() -> None:
    found, report = document(SAMPLES["replay-dlq dry run"]), document(SAMPLES["replay-dlq"])
    assert list(found["failures"]) == list(report["failures"])
    same = {"causes", "claimedElsewhere", "unreplayable", "beyondLimit", "done", "waitingForAuditor"}
    assert same <= found.keys() & report.keys()
    assert [each.keys() for each in found["causes"][:1]] == [each.keys() for each in report["causes"][:1]]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Preview(NOON, 30), "Replay 30?"),
        (Preview(NOON, 10_000, more=True), "Replay 10,000 or more?"),
        (Preview(NOON, waiting_in_queue=3), "Replay these?"),
    ],
)
def test_the_question_has_the_number(found: Preview, words: str) -> None:
    assert question(found) == words
