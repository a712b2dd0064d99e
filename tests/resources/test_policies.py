"""The permissions of the roles, the policies of bucket and queue, and equality of policies."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.policy_document import allow, deny_plain_http, document, statements
from tests.resources.direct_access import DirectAccess

ACCOUNT = "123456789012"
ORDERS = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/dev-orders-table-backend"
AUDIT = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/dev-audit-logs-table-backend"
BUCKET = f"arn:aws:s3:::dev-processed-data-{ACCOUNT}-backend"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:dev-order-processor-dlq-backend"
LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/dev"
WRITE_LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


def of_logs(function: str) -> set[tuple[str, str]]:
    return {(action, f"{LOGS}-{function}-lambda-backend{tail}") for action in WRITE_LOGS for tail in ("", ":*")}


PROCESSOR = {
    ("dynamodb:GetRecords", f"{ORDERS}/stream/*"),
    ("dynamodb:GetShardIterator", f"{ORDERS}/stream/*"),
    ("dynamodb:DescribeStream", f"{ORDERS}/stream/*"),
    ("s3:PutObject", f"{BUCKET}/processed-data/*"),
    ("s3:PutObjectAcl", f"{BUCKET}/processed-data/*"),
    ("s3:PutObject", f"{BUCKET}/failed-data/*"),
    ("s3:PutObjectAcl", f"{BUCKET}/failed-data/*"),
    ("sqs:SendMessage", QUEUE),
    *of_logs("order-processor"),
}
AUDITOR = {
    ("dynamodb:PutItem", AUDIT),
    ("dynamodb:UpdateItem", AUDIT),
    ("dynamodb:GetItem", AUDIT),
    ("sqs:ReceiveMessage", QUEUE),
    ("sqs:DeleteMessage", QUEUE),
    ("sqs:GetQueueAttributes", QUEUE),
    *of_logs("audit-processor"),
}
TRUST = [
    {
        "Action": ["sts:AssumeRole"],
        "Condition": {"StringEquals": {"aws:SourceAccount": [ACCOUNT]}},
        "Effect": "Allow",
        "Principal": {"Service": ["lambda.amazonaws.com"]},
    }
]


def on_aws(direct: DirectAccess, role: str) -> list[Any]:
    """Return the statements of all inline policies in IAM."""
    names = direct.iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [direct.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return [statement for each in documents for statement in each["Statement"]]


@pytest.mark.parametrize(("key", "granted"), [("processor-role", PROCESSOR), ("auditor-role", AUDITOR)])
def test_a_role_has_exactly_these_permissions(existing: DirectAccess, key: str, granted: set[tuple[str, str]]) -> None:
    role = existing.resources[key].name
    found = on_aws(existing, role)
    assert {statement["Effect"] for statement in found} == {"Allow"}
    assert {frozenset(statement) for statement in found} == {frozenset({"Sid", "Effect", "Action", "Resource"})}
    assert {(a, r) for statement in found for a in statement["Action"] for r in statement["Resource"]} == granted


def test_a_role_has_one_policy_with_a_statement_for_each_purpose(existing: DirectAccess) -> None:
    for role, sids in (
        (existing.names.processor_role, ["ReadOrdersStream", "SendFailures", "WriteLogs", "WriteObjects"]),
        (existing.names.auditor_role, ["ReadFailures", "WriteAuditItems", "WriteLogs"]),
    ):
        assert len(existing.iam.list_role_policies(RoleName=role)["PolicyNames"]) == 1
        assert sorted(statement["Sid"] for statement in on_aws(existing, role)) == sids


@pytest.mark.parametrize("key", ["processor-role", "auditor-role"])
def test_a_role_has_no_other_policies(existing: DirectAccess, key: str) -> None:
    role = existing.resources[key].name
    assert existing.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    statements_ = on_aws(existing, role)
    assert all("*" not in action for statement in statements_ for action in statement["Action"])
    assert all(r.split(":", 5)[5].strip("*/:") for statement in statements_ for r in statement["Resource"])
    assert statements(existing.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]) == TRUST


def test_bucket_and_queue_deny_requests_without_tls(existing: DirectAccess) -> None:
    def denial(action: str, *resources: str) -> list[Any]:
        return [
            {
                "Action": [action],
                "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
                "Effect": "Deny",
                "Principal": "*",
                "Resource": list(resources),
                "Sid": "DenyInsecureTransport",
            }
        ]

    wanted = {key: resource.desired({}) for key, resource in existing.resources.items()}
    assert wanted["bucket"]["policy"] == denial("s3:*", BUCKET, f"{BUCKET}/*")
    assert wanted["dead-letter-queue"]["policy"] == denial("sqs:*", QUEUE)


ONE = allow(["a:Get", "a:Put"], ["arn:1", "arn:2"])
DENY = deny_plain_http(["s3:*"], ["arn:1"])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param([ONE], [ONE | {"Effect": "Allow"}], id="equal"),
        pytest.param([ONE], [allow(["a:Put", "a:Get"], ["arn:2", "arn:1"])], id="order within"),
        pytest.param([ONE, DENY], [DENY, ONE], id="order of statements"),
        pytest.param([ONE], [dict(reversed(ONE.items()))], id="order of keys"),
        pytest.param([DENY], [DENY | {"Principal": {"AWS": "*"}}], id="any principal as AWS"),
        pytest.param([DENY], [DENY | {"Principal": {"AWS": ["*"]}}], id="any principal as a list"),
        pytest.param([DENY], [DENY | {"Condition": {"Bool": {"aws:SecureTransport": False}}}], id="a boolean"),
        pytest.param([DENY], [DENY | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}], id="a string"),
    ],
)  # fmt: skip
def test_two_forms_of_one_policy_are_equal(left: list[Any], right: list[Any]) -> None:
    assert statements(document(left)) == statements(document(right))


def test_a_single_value_need_not_be_a_list() -> None:
    assert statements({"Statement": [{"Effect": "Allow", "Action": "a:Get", "Resource": "arn:1"}]}) == [
        allow(["a:Get"], ["arn:1"])
    ]


def test_a_single_statement_need_not_be_a_list() -> None:
    assert statements({"Statement": ONE}) == statements({"Statement": [ONE]})


@pytest.mark.parametrize(
    "changed",
    [
        ONE | {"Effect": "Deny"},
        ONE | {"Action": ["a:Get"]},
        ONE | {"Resource": ["*"]},
        ONE | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Effect": "Allow", "NotAction": ONE["Action"], "Resource": ONE["Resource"]},
        DENY | {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
    ],
)
def test_a_policy_with_another_meaning_is_not_equal(changed: dict[str, Any]) -> None:
    assert statements(document([ONE])) != statements(document([changed]))
    assert statements(document([DENY])) != statements(document([changed]))
