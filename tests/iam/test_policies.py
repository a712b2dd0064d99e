"""Every policy that pipectl writes or prints, checked by the linter parliament, with AWS's lists of actions.

It knows each action, its resources and its condition keys. It finds unknown actions, actions on a resource of the wrong
kind, a `*` where an ARN is possible, and a principal that is everybody.
"""

from __future__ import annotations

import copy
import gc
import json
import warnings
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from pipectl.config.loading import load
from pipectl.iam.command_actions import CALLERS, COMMANDS, group_for
from pipectl.iam.places import places_of
from pipectl.iam.policies import LONGEST_MANAGED_POLICY, caller_policy, policy
from pipectl.iam.policies import POLICIES as ALL
from pipectl.pipeline import Pipeline
from pipectl.policy_document import document
from tests.support import ACCOUNT, DEV_CONFIG, REGION

Policy = dict[str, Any]


def _pipeline() -> Pipeline:
    aws: Any = SimpleNamespace(region=REGION, account_id=ACCOUNT, partition="aws")
    return Pipeline(load(DEV_CONFIG), DEV_CONFIG, aws)


def _policies() -> dict[str, Policy]:
    pipeline = _pipeline()
    places, resources = places_of(pipeline.config, pipeline.names), pipeline.resources()
    resource_policies = {key: resources[key].desired({})["policy"] for key in ("bucket", "dead-letter-queue")}
    return {
        **{name: dict(policy(name, pipeline.config, pipeline.names)) for name in ALL},
        **{f"{key}: resource policy": dict(document(policy)) for key, policy in resource_policies.items()},
        **{f"pipectl {command}": dict(caller_policy([command], places)) for command in COMMANDS},
    }


POLICIES = _policies()
ACCEPTED = {
    # Whoever may set the bucket's policy can allow themselves its contents, and `up` has to set it.
    "deployer": {"RESOURCE_POLICY_PRIVILEGE_ESCALATION"},
    "pipectl up": {"RESOURCE_POLICY_PRIVILEGE_ESCALATION"},
}


@cache
def linter() -> Any:
    """Import parliament, which takes longer than all other modules of the tests, only where it is used."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves files to the garbage collector, and imports pkg_resources
        import parliament

        gc.collect()  # those files
        return parliament


def findings(body: Policy) -> set[str]:
    """Return the kinds of findings."""
    return {finding.issue for finding in linter().analyze_policy_string(json.dumps(_plain(body))).findings}


def _plain(body: Policy) -> Policy:
    """Take single values of conditions out of their lists: the linter recognises no boolean in a list."""
    plain = copy.deepcopy(body)
    for statement in plain["Statement"]:
        for tests in statement.get("Condition", {}).values():
            tests.update({key: value[0] for key, value in tests.items() if isinstance(value, list) and len(value) == 1})
    return plain


@pytest.mark.parametrize("name", POLICIES)
def test_the_linter_finds_nothing(name: str) -> None:
    assert findings(POLICIES[name]) == ACCEPTED.get(name, set())


@pytest.mark.parametrize("caller", CALLERS)
def test_a_callers_policy_fits_into_one_managed_policy(caller: str) -> None:
    assert len(json.dumps(POLICIES[caller], separators=(",", ":"))) <= LONGEST_MANAGED_POLICY == 6144


def without_resources() -> set[str]:
    """Return the actions for which AWS supports no resource narrower than `*`."""
    return {
        f"{service['prefix']}:{action['privilege']}"
        for service in linter().iam_definition
        for action in service["privileges"]
        if not any(kind["resource_type"] for kind in action["resource_types"])
    }


@pytest.mark.parametrize("name", [name for name in POLICIES if not name.endswith("resource policy")])
def test_a_star_is_used_only_where_aws_supports_nothing_else(name: str) -> None:
    statements = [each for each in POLICIES[name]["Statement"] if "*" in each["Resource"]]
    assert {action for each in statements for action in each["Action"]} <= without_resources()


@pytest.mark.parametrize(
    ("name", "key", "value", "issue"),
    [
        ("processor", "Action", ["s3:PutObjects"], "UNKNOWN_ACTION"),
        ("processor", "Action", ["s3:ListBucket"], "RESOURCE_MISMATCH"),
        ("processor", "Resource", ["*"], "RESOURCE_STAR"),
        ("auditor", "Resource", [f"arn:aws:s3:::{ACCOUNT}"], "RESOURCE_MISMATCH"),
        ("bucket: resource policy", "Action", ["s3:Everything"], "UNKNOWN_ACTION"),
        ("bucket: resource policy", "Condition", {"Bools": {"aws:SecureTransport": "false"}}, "UNKNOWN_OPERATOR"),
        ("reader", "Condition", {"Bool": {"logs:Secure": "false"}}, "UNKNOWN_CONDITION_FOR_ACTION"),
        ("pipectl audit resolve", "Resource", ["*"], "RESOURCE_STAR"),
    ],
)  # fmt: skip
def test_the_linter_finds_a_mistake(name: str, key: str, value: Any, issue: str) -> None:
    changed = copy.deepcopy(POLICIES[name])
    changed["Statement"][0][key] = value
    assert issue in findings(changed)


@pytest.mark.parametrize(
    ("command", "actions", "group"),
    [
        ("status", ["cloudwatch:DescribeAlarms"], "reader"),
        ("audit list", ["dynamodb:Query"], "reader"),
        ("audit resolve", ["dynamodb:UpdateItem"], "on-call"),
        ("replay-dlq", ["dynamodb:Query"], "on-call"),
        ("verify", ["dynamodb:DescribeStream"], "reader"),
        ("verify", ["lambda:InvokeFunction"], "on-call"),
        ("up", ["dynamodb:DescribeTable"], "deployer"),
        ("status", ["iam:CreateRole"], "deployer"),
        ("", [], "deployer"),
    ],
)
def test_a_denied_call_names_the_smallest_group_that_may_run_the_command(
    command: str, actions: list[str], group: str
) -> None:
    assert group_for(command, actions) == group
