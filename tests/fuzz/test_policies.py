"""Policies that AWS reports and anybody can have written: each is compared, reviewed and shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipectl.engine.diff import diff
from pipectl.engine.model import Action, Change, Observation
from pipectl.output.plan_lines import plan_lines
from pipectl.policy_document import deny_plain_http, members, read, statements
from pipectl.review.flags import flags_of
from pipectl.review.model import Review
from pipectl.review.plan_id import Place, plan_id
from tests.fuzz.strategies import JSON
from tests.support import ACCOUNT

WANTED = statements({"Statement": deny_plain_http(["s3:*"], ["arn:aws:s3:::orders"])})
KEYS = ("Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "Condition", "Sid", "Other")
USUAL = st.sampled_from(
    ["*", "Allow", "Deny", ["s3:*"], {"AWS": "*"}, {"Bool": {"aws:SecureTransport": "false"}}, {"StringEquals": None}]
)
STATEMENTS = st.dictionaries(st.sampled_from(KEYS), USUAL | JSON) | JSON
POLICIES = st.builds(lambda body: {"Statement": body}, st.lists(STATEMENTS, max_size=3) | STATEMENTS) | JSON


def reviewed(kind: str, found: Observation, wanted: dict[str, Any]) -> list[str]:
    change = Change(kind, kind, "orders", Action.UPDATE, diff(wanted, found))
    review = Review(change, flags_of(change, found, ACCOUNT), None)
    assert plan_id(Place(ACCOUNT, "us-east-1", "dev"), [review], {kind: found})
    return [str(line.parts) for line in plan_lines([review], str)]


@given(policy=POLICIES)
def test_every_policy_is_compared_and_shown(policy: Any) -> None:
    found = statements(read(json.dumps(policy)))
    assert found == statements({"Statement": found})
    for kind, attribute in (("bucket", "policy"), ("queue", "policy"), ("role", "trust")):
        assert len(reviewed(kind, Observation({attribute: found}, {}), {attribute: WANTED})) > 1
    assert reviewed("role", Observation({"policies": {"a.b": found}}, {}), {"policies": {"a": []}})
    assert reviewed("function", Observation({}, {}, unmanaged={"resource_policies": {"live": members(policy)}}), {})


@pytest.mark.parametrize("text", ["", "no JSON", "[" * 100_000, "null", "[]", '"*"', '{"Statement": "*"}', "{}"])
def test_a_text_that_is_no_policy_is_shown_as_what_it_is(text: str) -> None:
    found = statements(read(text))
    assert found in ([], [{"InvalidStatement": read(text)}], [{"InvalidStatement": "*"}])


def test_a_statement_of_an_unknown_form_is_a_risk() -> None:
    found = Observation({"policy": statements(read('{"Statement": ["*"]}'))}, {})
    change = Change("bucket", "bucket", "orders", Action.UPDATE, diff({"policy": []}, found))
    assert any(flag.attribute == "policy" for flag in flags_of(change, found, ACCOUNT))
