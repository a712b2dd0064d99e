"""The screens of `plan`."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.plan import PlanReport
from pipectl.engine.model import Action, Change
from pipectl.output import changes
from pipectl.review.model import Flag, FlagKind, Review, When
from tests.output.samples import samples_of
from tests.output.screens import document, printed

SAMPLES = samples_of("plan")
RISK = Flag(FlagKind.EVERYBODY, When.OPENED, "everybody may s3:GetObject", "policy", "run `pipectl plan`")


def report(*flags: Flag, action: Action = Action.UPDATE) -> PlanReport:
    return PlanReport((Review(Change("bucket", "bucket", "dev-bucket", action), flags),), {})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_screen(name: str, snapshot: SnapshotAssertion) -> None:
    assert printed(SAMPLES[name]) == snapshot


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (report(), "Plan: 1 to update."),
        (report(RISK), "Plan: 1 to update. 1 warning (!!): it begins with this plan."),
        (
            report(RISK, RISK, Flag(FlagKind.UNPROTECTED, When.CLOSED, "no TLS")),
            "Plan: 1 to update. 3 warnings (!!): 2 begin with this plan, 1 exists now and ends with this plan.",
        ),
        (report(action=Action.KEEP), "Nothing to do: 1 resource in sync with the config."),
        (
            report(Flag(FlagKind.EVERYBODY, When.STAYS, "open"), action=Action.KEEP),
            "Nothing to do: 1 resource in sync with the config. 1 warning (!!): it stays.",
        ),
    ],
)
def test_the_last_sentence_counts_changes_and_warnings(made: PlanReport, sentence: str) -> None:
    assert changes.plan_summary(made) == sentence


def test_without_a_question_only_new_risks_are_mentioned() -> None:
    closed = Flag(FlagKind.EVERYBODY, When.CLOSED, "closed hole")
    text = printed(lambda screen: changes.notes(screen, report(RISK, closed)))
    assert "bucket: everybody may s3:GetObject" in text.replace("Bucket", "bucket")
    assert "closed hole" not in text


def test_a_change_as_json_has_its_risks() -> None:
    made = report(RISK)
    found = document(lambda screen: screen.document(changes.review_document(screen, made.reviews[0])))
    [flag] = found["flags"]
    assert flag == {
        "kind": "open-to-everybody",
        "when": "opened",
        "reason": "everybody may s3:GetObject",
        "attribute": "policy",
        "hint": "run `pipectl plan`",
    }
