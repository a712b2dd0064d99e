"""Every policy that pipectl makes or recommends, read by a linter of others: parliament, with AWS's lists of actions.

It knows each action, the resources that it takes, and its condition keys. So it finds an action that is none, one on a
resource that it cannot be about, a `*` where a name would do, and a principal that is everybody.
"""

from __future__ import annotations

import copy
import json
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.config.loading import load
from pipectl.pipeline import Pipeline
from pipectl.policy_document import document
from tests.support import ACCOUNT, DEV_CONFIG, REGION, ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it leaves files to the garbage collector, and imports pkg_resources
    import parliament

sys.path.insert(0, str(ROOT / "docs"))
from operator_policies import COMMANDS, PEOPLE, policy
from role_actions import role_policies

Policy = dict[str, Any]
LONGEST_MANAGED_POLICY = 6144
"""Characters. Source: "IAM and AWS STS quotas" in the IAM User Guide."""


def _pipeline() -> Pipeline:
    aws: Any = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")
    return Pipeline(load(DEV_CONFIG), DEV_CONFIG, aws)


def _policies() -> dict[str, Policy]:
    pipeline = _pipeline()
    desired = {
        key: resource.desired({}) for key, resource in pipeline.resources().items() if resource.kind != "function"
    }
    return {
        **{
            f"{role}: {name}": document(statements)
            for role, policies in role_policies().items()
            for name, statements in policies.items()
        },
        **{f"{key}: resource policy": document(desired[key]["policy"]) for key in ("bucket", "dead-letter-queue")},
        **{person: policy(commands, pipeline) for person, commands in PEOPLE.items()},
        **{f"pipectl {command}": policy([command], pipeline) for command in COMMANDS},
    }


POLICIES = _policies()
ACCEPTED = {
    # Whoever may set the bucket's policy can allow themselves what is in the bucket, and `up` has to set it.
    "deployer": {"RESOURCE_POLICY_PRIVILEGE_ESCALATION"},
    "pipectl up": {"RESOURCE_POLICY_PRIVILEGE_ESCALATION"},
}


def findings(body: Policy) -> set[str]:
    """The kinds of what is wrong with it."""
    return {finding.issue for finding in parliament.analyze_policy_string(json.dumps(_plain(body))).findings}


def _plain(body: Policy) -> Policy:
    """The same with single values of conditions not in lists, in which the linter takes them for no boolean."""
    plain = copy.deepcopy(body)
    for statement in plain["Statement"]:
        for tests in statement.get("Condition", {}).values():
            tests.update({key: value[0] for key, value in tests.items() if isinstance(value, list) and len(value) == 1})
    return plain


@pytest.mark.parametrize("name", POLICIES)
def test_there_is_nothing_to_say_against_it(name: str) -> None:
    assert findings(POLICIES[name]) == ACCEPTED.get(name, set())


@pytest.mark.parametrize("person", PEOPLE)
def test_it_fits_into_one_managed_policy(person: str) -> None:
    assert len(json.dumps(POLICIES[person], separators=(",", ":"))) <= LONGEST_MANAGED_POLICY


def without_resources() -> set[str]:
    """The actions of our services that AWS lets nobody narrow to a resource."""
    return {
        f"{service['prefix']}:{action['privilege']}"
        for service in parliament.iam_definition
        for action in service["privileges"]
        if not any(kind["resource_type"] for kind in action["resource_types"])
    }


@pytest.mark.parametrize("name", [name for name in POLICIES if not name.endswith("resource policy")])
def test_a_star_stands_only_where_aws_takes_nothing_else(name: str) -> None:
    statements = [each for each in POLICIES[name]["Statement"] if "*" in each["Resource"]]
    assert {action for each in statements for action in each["Action"]} <= without_resources()


@pytest.mark.parametrize(
    ("name", "key", "value", "issue"),
    [
        ("processor-role: write-records", "Action", ["s3:PutObjects"], "UNKNOWN_ACTION"),
        ("processor-role: write-records", "Action", ["s3:ListBucket"], "RESOURCE_MISMATCH"),
        ("processor-role: tell-failures", "Resource", ["*"], "RESOURCE_STAR"),
        ("auditor-role: read-failures", "Resource", [f"arn:aws:s3:::{ACCOUNT}"], "RESOURCE_MISMATCH"),
        ("bucket: resource policy", "Action", ["s3:Everything"], "UNKNOWN_ACTION"),
        ("bucket: resource policy", "Condition", {"Bools": {"aws:SecureTransport": "false"}}, "UNKNOWN_OPERATOR"),
        ("reader", "Condition", {"Bool": {"logs:Secure": "false"}}, "UNKNOWN_CONDITION_FOR_ACTION"),
        ("pipectl replay-dlq", "Resource", ["*"], "RESOURCE_STAR"),
    ],
)  # fmt: skip
def test_it_would_be_said(name: str, key: str, value: Any, issue: str) -> None:
    changed = copy.deepcopy(POLICIES[name])
    changed["Statement"][0][key] = value
    assert issue in findings(changed)
