"""Flags of alarms, roles, and data at rest."""

from __future__ import annotations

import pytest

from pipectl.engine.diff import diff
from pipectl.engine.model import Action, Change, Observation
from pipectl.pipeline import Pipeline
from pipectl.review.flags import flags_of
from pipectl.review.model import FlagKind, When
from tests.review.rows import CLOSED, LOSS, OPENED, OTHER, OUTSIDE, SILENT, STAYS, UNPROTECTED, WIDER, Row, check, named
from tests.support import ACCOUNT

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
FOREIGN_KEY = f"arn:aws:kms:us-east-1:{OTHER}:key/1"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:pager"


ROWS = [
    # alarms
    *(
        Row(attribute, "errors-alarm", {attribute: value}, flags=((SILENT, CLOSED, attribute),), words=words)
        for attribute, value, words in (
            ("statistic", "Minimum", ("Minimum", "Sum")),
            ("metric", "Invocations", ("Invocations", "Errors")),
            ("namespace", "Custom", ("Custom", "AWS/Lambda")),
            ("dimensions", {"FunctionName": "old"}, ("FunctionName old", "FunctionName dev-")),
            ("comparison", "LessThanThreshold", ("LessThanThreshold", "GreaterThanOrEqualToThreshold")),
            ("unit", "Bytes", ("Bytes",)),
            ("missing_data", "breaching", ()),
            ("missing_data", "ignore", ()),
            ("evaluation_periods", 3, ("3", "300")),
            ("actions_enabled", False, ()),
            ("threshold", 9, ("9", "5")),
            ("threshold", 5000, ("5,000",)),
            ("threshold", 0, ()),
            ("period", 60, ("60", "300")),
        )
    ),
    Row("missing data that counts as missing", "errors-alarm", {"missing_data": "missing"}),
    Row(
        "higher threshold",
        "errors-alarm",
        {},
        {"threshold": 9},
        flags=((SILENT, OPENED, "threshold"),),
        words=("9", "5"),
    ),
    Row("shorter period", "errors-alarm", {}, {"period": 60}, flags=((SILENT, OPENED, "period"),)),
    Row("longer period", "errors-alarm", {}, {"period": 600}, flags=((SILENT, CLOSED, "period"),)),
    Row(
        "an action less",
        "errors-alarm",
        {"actions": [TOPIC]},
        flags=((SILENT, OPENED, "actions"),),
        words=(TOPIC,),
    ),
    Row("an action more", "errors-alarm", {}, {"actions": [TOPIC]}, flags=((SILENT, CLOSED, "actions"),)),
    Row(
        "action of another account on insufficient data",
        "errors-alarm",
        {},
        unmanaged={"insufficient_data_actions": [TOPIC.replace(ACCOUNT, OTHER)]},
        flags=((OUTSIDE, STAYS, None),),
    ),
    # roles
    Row(
        "AWS's own AdministratorAccess",
        "auditor-role",
        {"attached_policies": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
        flags=((WIDER, CLOSED, "attached_policies"),),
        words=("everything", "AdministratorAccess"),
    ),
    Row(
        "AWS's own PowerUserAccess",
        "auditor-role",
        {"attached_policies": ["arn:aws:iam::aws:policy/PowerUserAccess"]},
        flags=((WIDER, CLOSED, "attached_policies"),),
        words=("PowerUserAccess",),
    ),
    Row(
        "a policy of this account with the same name",
        "auditor-role",
        {"attached_policies": [f"arn:aws:iam::{ACCOUNT}:policy/AdministratorAccess"]},
        flags=((WIDER, CLOSED, "attached_policies"),),
        words=(f"{ACCOUNT}:policy/AdministratorAccess",),
    ),
    Row(
        "new boundary",
        "auditor-role",
        {"permissions_boundary": None},
        {"permissions_boundary": BOUNDARY},
        flags=((WIDER, CLOSED, "permissions_boundary"),),
    ),
    Row(
        "another boundary",
        "auditor-role",
        {"permissions_boundary": BOUNDARY},
        {"permissions_boundary": f"{BOUNDARY}-2"},
        flags=((WIDER, OPENED, "permissions_boundary"),),
        words=(f"{BOUNDARY}:", f"{BOUNDARY}-2"),
    ),
    Row(
        "same boundary",
        "auditor-role",
        {"permissions_boundary": BOUNDARY},
        {"permissions_boundary": BOUNDARY},
    ),
    # data at rest
    Row(
        "KMS key of the bucket that is no longer used",
        "bucket",
        {"encryption": f"aws:kms:{KEY}"},
        flags=((UNPROTECTED, OPENED, "encryption"),),
    ),
    Row(
        "KMS key of the bucket in another account",
        "bucket",
        {"encryption": f"aws:kms:{FOREIGN_KEY}"},
        flags=((OUTSIDE, CLOSED, "encryption"),),
    ),
    Row("AWS's own key of the bucket", "bucket", {"encryption": "aws:kms"}),
    Row("AWS's own key of the queue", "dead-letter-queue", {"encryption": "SSE-KMS:alias/aws/sqs"}),
    Row(
        "KMS key of the queue that is no longer used",
        "dead-letter-queue",
        {"encryption": "SSE-KMS:alias/ours"},
        flags=((UNPROTECTED, OPENED, "encryption"),),
    ),
    Row("no encryption", "dead-letter-queue", {"encryption": None}, flags=((UNPROTECTED, CLOSED, "encryption"),)),
    Row(
        "no backups from now on",
        "orders-table",
        {"point_in_time_recovery": True},
        {"point_in_time_recovery": False},
        flags=((LOSS, OPENED, "point_in_time_recovery"),),
    ),
    Row(
        "backups from now on",
        "orders-table",
        {"point_in_time_recovery": False},
        flags=((LOSS, CLOSED, "point_in_time_recovery"),),
    ),
    Row(
        "deletion protection ends",
        "orders-table",
        {"deletion_protection": True},
        flags=((LOSS, OPENED, "deletion_protection"),),
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_change_has_the_flags_of_its_risks(pipeline: Pipeline, row: Row) -> None:
    check(pipeline, row)


def test_a_refused_change_has_no_flags(pipeline: Pipeline) -> None:
    change = Change("bucket", "bucket", "n", Action.REFUSE)
    assert flags_of(change, Observation({"versioning": None}, {}), ACCOUNT) == ()


BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.mark.parametrize("found", [None, dict.fromkeys(BLOCKS, False), {BLOCKS[0]: True}, {BLOCKS[2]: True}])
def test_public_access_blocks_that_are_off_are_one_risk(found: object) -> None:
    wanted = dict.fromkeys(BLOCKS, True)
    before = {"public_access_block": found, "versioning": "Enabled", "ownership": "BucketOwnerEnforced"}
    observed = Observation({**before, "encryption": "AES256"}, {})
    deltas = diff({"public_access_block": wanted}, observed)
    change = Change("bucket", "bucket", "orders", Action.UPDATE, deltas)
    (flag,) = flags_of(change, observed, ACCOUNT)
    assert (flag.kind, flag.when, flag.attribute) == (FlagKind.UNPROTECTED, When.CLOSED, "public_access_block")
