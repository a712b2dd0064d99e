"""The screens of `plan`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from pipectl.commands.plan import PlanReport
from pipectl.engine.model import Action, Change, Delta
from pipectl.output import changes, plan
from pipectl.review.model import Flag, FlagKind, Review, When
from tests.output.samples import samples_of
from tests.output.screens import document, on_terminal, printed

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
        (report(RISK), "Plan: 1 to update. Risks: 1 new (bucket)."),
        (
            report(RISK, RISK, Flag(FlagKind.UNPROTECTED, When.CLOSED, "no TLS")),
            "Plan: 1 to update. Risks: 2 new (bucket), 1 fixed (bucket).",
        ),
        (report(action=Action.KEEP), "Nothing to do: 1 resource in sync with the config."),
        (
            report(Flag(FlagKind.EVERYBODY, When.STAYS, "open"), action=Action.KEEP),
            "Nothing to do: 1 resource in sync with the config. Risks: 1 stays (bucket).",
        ),
    ],
)
def test_the_last_sentence_counts_changes_and_risks(made: PlanReport, sentence: str) -> None:
    assert changes.plan_summary(made) == sentence


def test_without_a_question_only_new_risks_are_mentioned() -> None:
    closed = Flag(FlagKind.EVERYBODY, When.CLOSED, "closed hole")
    text = printed(lambda screen: changes.notes(screen, report(RISK, closed)))
    assert "NEW RISK: bucket: everybody may s3:GetObject" in text
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


def review(key: str, action: Action, *flags: Flag, **attributes: Delta) -> Review:
    return Review(
        Change(key, "table", f"dev-{key}", action, {k.replace("__", "."): v for k, v in attributes.items()}), flags
    )


def test_what_needs_attention_comes_first() -> None:
    reviews = (
        review("auditor", Action.CREATE),
        review("processor", Action.UPDATE),
        review("errors-alarm", Action.KEEP, RISK),
        review("bucket", Action.DELETE),
        review("audit-table", Action.UPDATE, replace(RISK, when=When.CLOSED)),
        review("orders-table", Action.UPDATE, RISK),
        review("dead-letter-queue", Action.REFUSE),
    )
    lines = printed(lambda screen: plan.result(screen, PlanReport(reviews, {}))).splitlines()
    keys = [line.split()[2] for line in lines if line[:1] not in (" ", "P")]
    assert keys[:4] == ["dead-letter-queue", "orders-table", "errors-alarm", "audit-table"]
    assert keys[4:] == ["bucket", "processor", "auditor"]


def test_resources_with_the_same_changed_tags_are_one_entry() -> None:
    tags = {"tags__CostCenter": Delta("orders", "shop")}
    reviews = [review(key, Action.UPDATE, **tags) for key in ("bucket", "audit-table", "auditor-role")]
    reviews.append(review("processor", Action.UPDATE, memory=Delta(256, 512), **tags))
    assert printed(lambda screen: plan.result(screen, PlanReport(tuple(reviews), {}))).splitlines() == [
        "~ update  processor               dev-processor",
        "  ~ memory: 256 MB -> 512 MB",
        "  ~ tags.CostCenter: orders -> shop",
        "~ update  tags of 3 resources",
        "    bucket, audit-table, auditor-role",
        "  ~ tags.CostCenter: orders -> shop",
        "Plan: 4 to update.",
    ]


@pytest.mark.parametrize("width", [80, 40])
def test_each_further_line_of_a_text_begins_below_its_first_word(width: int) -> None:
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/{'dev-' * 20}processor:*"
    statement = {"Effect": "Allow", "Action": ["logs:PutLogEvents"], "Resource": [arn]}
    risk = Flag(
        FlagKind.PERMISSIONS, When.STAYS, f"role dev-role may use logs:PutLogEvents on {arn}", hint="look " * 30
    )
    made = review("processor-role", Action.UPDATE, risk, policies=Delta([], [statement]), path=Delta("/", "/a" * 99))
    report = PlanReport((made,), {})
    lines = on_terminal(lambda screen: screen.lines(changes.reviewed(screen, report), broken=True), width)
    assert max(map(len, lines)) <= width
    assert {len(line) - len(line.lstrip()) for line in lines[1:]} == {1, 2, 4, 6, 8}
    begins = [line.split()[0] for line in lines if line.split()[0] in ("!!", "~", "+", "-")]
    assert begins == ["~", "!!", "~", "+", "~", "-", "+"], "only the first line of a text has a sign"
    text = "".join(line.strip() for line in lines)
    assert text.count(arn) == 2, "joined again, nothing is missing"


def test_a_risk_does_not_repeat_the_name_of_its_resource() -> None:
    reason = "the copy of table dev-orders-table in table dev-orders-table-2 is off"
    made = review("orders-table", Action.UPDATE, Flag(FlagKind.UNPROTECTED, When.OPENED, reason))
    lines = printed(lambda screen: plan.result(screen, PlanReport((made,), {}))).splitlines()
    assert lines[1] == " !! NEW RISK: the copy of this table in table dev-orders-table-2 is off"


def test_a_risk_that_the_change_fixes_has_a_check_mark_and_no_warning_sign() -> None:
    made = review("bucket", Action.UPDATE, Flag(FlagKind.EVERYBODY, When.CLOSED, "everybody may s3:GetObject"))
    text = printed(lambda screen: plan.result(screen, PlanReport((made,), {})))
    assert text.splitlines()[1] == "  ✓ FIXES A RISK: everybody may s3:GetObject"
    assert "!!" not in text


def test_the_question_of_up_has_new_resources_on_one_line_with_their_risks_and_points_to_their_settings() -> None:
    flag = Flag(FlagKind.UNPROTECTED, When.OPENED, "open to everybody", "policy")
    new = review("bucket", Action.CREATE, flag, versioning=Delta(None, "Enabled"))
    changed = review("processor", Action.UPDATE, memory=Delta(128, 256))
    made = PlanReport((new, changed), {})
    asked = printed(lambda screen: changes.before_asking(screen, made))
    assert ("open to everybody" in asked, "256" in asked, "versioning" in asked) == (True, True, False)
    assert "All settings: `pipectl plan`" in asked
    assert "versioning: Enabled" in printed(lambda screen: plan.result(screen, made))
    assert "All settings" not in printed(lambda screen: changes.before_asking(screen, PlanReport((changed,), {})))


def test_each_fact_about_an_adopted_resource_has_its_line() -> None:
    change = Change("bucket", "bucket", "dev-bucket", Action.ADOPT, reason="exists; adopting it writes no tags")
    lines = printed(lambda screen: plan.result(screen, PlanReport((Review(change),), {}))).splitlines()
    assert lines[1:3] == ["    exists", "    adopting it writes no tags"]
