"""The screens of `replay-dlq`."""

from __future__ import annotations

from functools import partial

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.replay_dlq import Preview
from pipectl.failures.explanation import Explained, Explanation, Safety
from pipectl.failures.model import Failure
from pipectl.output.replay_dlq import preview, question
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


def test_the_failure_to_try_first_is_not_one_whose_records_are_gone() -> None:
    def failure(digit: str, safety: Safety) -> Explanation:
        ends = {"startSequenceNumber": "1" * 21, "endSequenceNumber": "1" * 21}
        stream = {"arn": "/stream/", "shardId": "shard-1", **ends}
        found = Failure({"auditId": digit * 32, "timestamp": "2026-03-01T10:00:00.000Z", "stream": stream})
        return Explanation(found, (), f"{safety}Error: no", False, safety, None)

    explained = Explained((failure("a", Safety.GONE), failure("b", Safety.QUARANTINED)))
    found = Preview(NOON, 2, by_status={"OPEN": 2}, explained=explained)
    assert "--id bbbbbbb`" in printed(partial(preview, found=found))


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
