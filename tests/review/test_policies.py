"""Principals and conditions: who a statement lets in."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.engine.model import Action, Change, Delta, Observation
from pipectl.policy_document import deny_plain_http
from pipectl.review.flags import flags_of
from pipectl.review.model import Flag, FlagKind, When
from tests.support import ACCOUNT

OTHER = "111122223333"
BUCKET = "orders"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
TLS = deny_plain_http(["s3:*"], [f"arn:aws:s3:::{BUCKET}", OBJECTS])
EVERYBODY, OUTSIDE, OWN = FlagKind.EVERYBODY, FlagKind.OTHER_ACCOUNT, FlagKind.PERMISSIONS


def changed(before: list[Any], after: list[Any]) -> tuple[Flag, ...]:
    """Return the flags of a bucket's policy that changes; everything else is as the config says."""
    safe = {
        "public_access_block": dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
        "encryption": "AES256",
        "versioning": "Enabled",
        "ownership": "BucketOwnerEnforced",
    }
    change = Change("bucket", "bucket", BUCKET, Action.UPDATE, {"policy": Delta(before, after)})
    return flags_of(change, Observation({**safe, "policy": before}, {}), ACCOUNT)


def allow(principal: object, condition: object = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": ["s3:GetObject"],
        "Resource": [OBJECTS],
    }
    return {**found, **({"Condition": condition} if condition else {}), **more}


PRINCIPALS: list[tuple[object, FlagKind]] = [
    ("*", EVERYBODY),
    ({"AWS": ["*"]}, EVERYBODY),
    ({"AWS": [OTHER]}, OUTSIDE),
    ({"AWS": [f"arn:aws:iam::{OTHER}:root"]}, OUTSIDE),
    ({"AWS": [f"arn:aws:iam::{OTHER}:user/ada"]}, OUTSIDE),
    ({"AWS": [f"arn:aws:sts::{OTHER}:assumed-role/a/b"]}, OUTSIDE),
    ({"AWS": ["arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"]}, OUTSIDE),
    ({"AWS": ["AIDACKCEVSQ6C2EXAMPLE"]}, OUTSIDE),
    ({"CanonicalUser": ["79a59df900b949e55d96a1e698fbaced"]}, OUTSIDE),
    ({"Federated": ["accounts.google.com"]}, OUTSIDE),
    ({"Service": ["cloudtrail.amazonaws.com"]}, OUTSIDE),
    ({"Service": ["*"]}, EVERYBODY),
    ({"AWS": [ACCOUNT]}, OWN),
    ({"AWS": [f"arn:aws:iam::{ACCOUNT}:role/reader"]}, OWN),
    ({"Unknown": ["x"]}, OUTSIDE),
    ({}, OUTSIDE),
    (None, OUTSIDE),
]


@pytest.mark.parametrize(("principal", "kind"), PRINCIPALS, ids=str)
def test_a_principal_that_the_change_removes_is_closed_and_one_that_it_adds_opened(
    principal: object, kind: FlagKind
) -> None:
    for before, after, when in (
        ([TLS, allow(principal)], [TLS], When.CLOSED),
        ([TLS], [TLS, allow(principal)], When.OPENED),
    ):
        (flag,) = changed(before, after)
        assert (flag.kind, flag.when, flag.attribute) == (kind, when, "policy")
        assert "s3:GetObject" in flag.reason
        assert OBJECTS in flag.reason


CONDITIONS: list[tuple[object, FlagKind]] = [
    ({"StringEquals": {"aws:SourceAccount": [ACCOUNT]}}, OWN),
    ({"StringEquals": {"AWS:PrincipalAccount": [ACCOUNT]}}, OWN),
    ({"ArnLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/*"]}}, OWN),
    ({"ArnLike": {"aws:SourceArn": [f"arn:aws:sns:*:{ACCOUNT}:*"]}}, OWN),
    ({"StringEquals": {"aws:SourceAccount": [ACCOUNT]}, "Bool": {"aws:SecureTransport": ["true"]}}, OWN),
    ({"StringEquals": {"aws:SourceAccount": [OTHER]}}, OUTSIDE),
    ({"StringEquals": {"aws:SourceAccount": [ACCOUNT, OTHER]}}, OUTSIDE),
    ({"StringEquals": {"aws:PrincipalOrgID": ["o-1234567890"]}}, OUTSIDE),
    ({"StringLike": {"aws:PrincipalOrgID": ["o-*"]}}, EVERYBODY),
    ({"Bool": {"aws:SecureTransport": ["true"]}}, EVERYBODY),
    ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}}, EVERYBODY),
    ({"IpAddress": {"aws:SourceIp": ["203.0.113.7/32"]}}, EVERYBODY),
    ({"StringLike": {"aws:PrincipalAccount": ["*"]}}, EVERYBODY),
    ({"StringLike": {"aws:PrincipalArn": [f"arn:aws:*:{ACCOUNT}:*"]}}, EVERYBODY),
    ({"ArnLike": {"aws:PrincipalArn": ["arn:aws:iam::*:role/reader"]}}, EVERYBODY),
    ({"StringEqualsIfExists": {"aws:SourceAccount": [ACCOUNT]}}, EVERYBODY),
    ({"ForAllValues:StringEquals": {"aws:PrincipalAccount": [ACCOUNT]}}, EVERYBODY),
    ({"StringNotEquals": {"aws:PrincipalAccount": [OTHER]}}, EVERYBODY),
    ({"ArnLike": {"aws:SourceArn": ["arn:aws:s3:::somebody"]}}, EVERYBODY),
    ({"StringEquals": {"aws:PrincipalArn": ["${aws:PrincipalArn}"]}}, EVERYBODY),
]


@pytest.mark.parametrize(("condition", "kind"), CONDITIONS, ids=str)
def test_only_a_condition_on_the_account_limits_everybody(condition: dict[str, Any], kind: FlagKind) -> None:
    (flag,) = changed([TLS, allow("*", condition)], [TLS])
    assert flag.kind is kind
    assert all(operator in flag.reason for operator in condition)


def test_everybody_except_some_is_everybody() -> None:
    statement = {key: value for key, value in allow(None).items() if key != "Principal"}
    (flag,) = changed([TLS, {**statement, "NotPrincipal": {"AWS": [ACCOUNT]}}], [TLS])
    assert flag.kind is EVERYBODY
    assert ACCOUNT in flag.reason


def test_a_statement_that_becomes_narrower_opens_nothing() -> None:
    wide, narrow = allow({"AWS": [OTHER]}, Action=["s3:GetObject", "s3:PutObject"]), allow({"AWS": [OTHER]})
    (flag,) = changed([TLS, wide], [TLS, narrow])
    assert flag.when is When.CLOSED
    assert "s3:PutObject on" in flag.reason
    assert "GetObject" not in flag.reason
    assert changed([TLS, {**narrow, "Sid": "a"}], [TLS, {**narrow, "Sid": "b"}]) == ()
    (limited,) = changed([TLS, narrow], [TLS, {**narrow, "Condition": {"Bool": {"aws:SecureTransport": ["true"]}}}])
    assert limited.when is When.CLOSED


def test_a_deny_of_requests_without_tls_is_no_flag_and_a_weaker_one_is() -> None:
    assert changed([{**TLS, "Sid": "Other"}], [TLS]) == ()
    weaker: list[dict[str, Any]] = [
        {**TLS, "Resource": [OBJECTS]},
        {**TLS, "Action": ["s3:GetObject"]},
        {**TLS, "Principal": {"AWS": [OTHER]}},
        {**TLS, "Condition": {"Bool": {"aws:SecureTransport": ["true"]}}},
    ]
    for statement in weaker[:3]:
        (flag,) = changed([statement], [TLS])
        assert (flag.kind, flag.when) == (FlagKind.UNPROTECTED, When.CLOSED)
    assert FlagKind.UNPROTECTED in {flag.kind for flag in changed([weaker[3]], [TLS])}
    (opened,) = changed([TLS], [])
    assert (opened.kind, opened.when) == (FlagKind.UNPROTECTED, When.OPENED)


def test_another_deny_statement_that_the_change_removes_is_opened() -> None:
    guard = {"Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteObject"], "Resource": [OBJECTS]}
    (flag,) = changed([TLS, guard], [TLS])
    assert (flag.kind, flag.when) == (FlagKind.PERMISSIONS, When.OPENED)
    assert "s3:DeleteObject" in flag.reason


_ATTRIBUTES = (
    "threshold comparison period evaluation_periods actions dimensions missing_data public_access_block encryption "
    "ownership policy layers environment live role handler reserved_concurrency retention_days filter on_failure "
    "maximum_record_age retry_attempts bisect enabled function stream deletion_protection redrive_policy"
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["*", "AWS", OTHER, ACCOUNT]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STATEMENTS = st.dictionaries(
    st.sampled_from(
        ["Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"]
    ),
    ANYTHING,
)


@given(STATEMENTS)
def test_a_statement_of_any_form_that_does_not_deny_is_flagged(statement: dict[str, Any]) -> None:
    found = changed([TLS, statement], [TLS])
    if statement.get("Effect") != "Deny" and (statement.get("Action") != [] or "NotAction" in statement):
        assert found
    assert all(flag.reason for flag in found)


@given(st.lists(STATEMENTS, max_size=3), st.lists(STATEMENTS, max_size=3))
def test_roles_and_functions_with_statements_of_any_form_never_fail(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    deltas = {"policies.a.b": Delta(before, None), "policies.c": Delta(None, after), "trust": Delta(before, after)}
    change = Change("processor-role", "role", "r", Action.UPDATE, deltas)
    flags_of(change, Observation({"trust": before, "policies": {"a.b": before}}, {}), ACCOUNT)
    kept = Change("processor", "function", "f", Action.KEEP)
    flags_of(kept, Observation({}, {}, unmanaged={"resource_policies": {"$LATEST": before, "live": after}}), ACCOUNT)


@given(st.sampled_from(["alarm", "bucket", "function", "log-group", "mapping", "queue", "table"]), st.data())
def test_attributes_of_any_form_never_fail(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from(_ATTRIBUTES.split())
    before = data.draw(st.dictionaries(names, ANYTHING, max_size=5))
    after = data.draw(st.dictionaries(names, ANYTHING, max_size=5))
    deltas = {name: Delta(before.get(name), value) for name, value in after.items()}
    flags_of(Change("errors-alarm", kind, "n", Action.UPDATE, deltas), Observation(before, {"a": "b"}), ACCOUNT)
