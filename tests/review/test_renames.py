"""Earlier names that a plan gives up are in a remark on the renamed resource."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pipectl.engine.model import UNKNOWN, Action, Change, Delta
from pipectl.review.renames import references, with_renames

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function"


def _remarked(kind: str, attribute: str, before: object, after: object, *others: Change) -> Mapping[str, str | None]:
    """Return the remark of each resource after a change of one attribute of the processor."""
    renamed = Change("renamed", kind, "dev-new-backend", Action.CREATE)
    user = Change("user", "function", "dev-f-backend", Action.UPDATE, {attribute: Delta(before, after)})
    return {change.resource: change.reason for change in with_renames([renamed, user, *others], "dev-", "-backend")}


@pytest.mark.parametrize(
    ("kind", "attribute", "before", "after"),
    [
        ("bucket", "environment.BUCKET_NAME", "dev-old-backend", "dev-new-backend"),
        ("bucket", "live.environment.BUCKET_NAME", "dev-old-backend", "dev-new-backend"),
        ("table", "environment.AUDIT_TABLE_NAME", "dev-old-backend", "dev-new-backend"),
        ("queue", "on_failure", "arn:aws:sqs:us-east-1:1:dev-old-backend", "arn:aws:sqs:us-east-1:1:dev-new-backend"),
        ("queue", "dimensions.QueueName", "dev-old-backend", "dev-new-backend"),
        ("function", "function", f"{LAMBDA}:dev-old-backend:7", f"{LAMBDA}:dev-new-backend:live"),
        ("role", "role", "arn:aws:iam::1:role/path/dev-old-backend", "arn:aws:iam::1:role/dev-new-backend"),
    ],
)
def test_the_earlier_name_is_in_the_remark(kind: str, attribute: str, before: str, after: str) -> None:
    remarks = _remarked(kind, attribute, before, after)
    assert f"earlier {kind} dev-old-backend remains" in str(remarks["renamed"])
    assert remarks["user"] is None
    assert ("does not find it" in str(remarks["renamed"])) == (kind == "role")


@pytest.mark.parametrize("before", [None, UNKNOWN, "", "arn:", "arn:aws:s3", 7, ["x"], "other-old-backend", "dev-old"])
def test_a_value_that_no_config_of_the_pipeline_gives_is_no_earlier_name(before: object) -> None:
    assert _remarked("bucket", "environment.BUCKET_NAME", before, "dev-new-backend")["renamed"] is None


def test_a_name_that_another_resource_of_the_config_has_is_no_earlier_name() -> None:
    other = Change("other", "bucket", "dev-old-backend", Action.KEEP)
    assert (
        _remarked("bucket", "environment.BUCKET_NAME", "dev-old-backend", "dev-new-backend", other)["renamed"] is None
    )


def test_a_remark_follows_those_that_the_change_has() -> None:
    changes = [
        Change("b", "bucket", "dev-new-backend", Action.CREATE, reason="first"),
        Change(
            "f",
            "function",
            "dev-f-backend",
            Action.UPDATE,
            {"environment.BUCKET_NAME": Delta("dev-old-backend", "dev-new-backend")},
        ),
    ]
    assert str(with_renames(changes, "dev-", "-backend")[0].reason).startswith("first; the earlier bucket")


def test_references_are_found_at_any_depth() -> None:
    attributes = {"live": {"environment": {"BUCKET_NAME": "b"}}, "role": "arn:aws:iam::1:role/r", "memory": 1}
    assert list(references(attributes)) == [("bucket", "b"), ("role", "r")]
