"""Recorded calls: no account, credential, address or order is left in them, wherever it stands."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipectl.aws.redaction import Redactor, leaks

ACCOUNT, OTHER = "491827364510", "605948372615"
SECRETS = ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY", "ASIAQXGRZ4T7ABCDEFGH", "FwoGZXIvYXdzEBYaDHqa0AP/Yb+1=="]
ORDER = "order-of-ada-lovelace"
IDENTIFYING = [
    *SECRETS,
    ACCOUNT,
    OTHER,
    "ada@example.com",
    "198.51.100.7",
    "2001:db8:85a3:8d3:1319:8a2e:370:7348",
    "AROAQXGRZ4T7ABCDEFGH",
    "3f1c8a52-9d0e-4b7a-8c6d-1e2f3a4b5c6d",
    "billing-of-another-team",
]
SURROUNDED = [
    "{}",
    "arn:aws:lambda:us-east-1:{}:function:billing-of-another-team",
    "arn:aws:sts::491827364510:assumed-role/Admin/{}",
    "https://sqs.us-east-1.amazonaws.com/{}/dev-queue",
    "bucket-{}-backend",
    "User: {} is not authorized to perform: lambda:GetFunction",
    '{{"Statement": [{{"Resource": "arn:aws:s3:::{}/*"}}]}}',
]
KNOWN = {ACCOUNT: "<account>", "billing-of-another-team": "<name>", **dict.fromkeys(SECRETS, "<secret>")}
PLAIN = st.sampled_from(["Enabled", "2026-01-31T12:00:00Z", "$LATEST", "", "<account>"])
TEXTS = PLAIN | st.builds(str.format, st.sampled_from(SURROUNDED), st.sampled_from(IDENTIFYING))
NAMES = st.sampled_from(
    ["FunctionName", "Arn", "QueueUrl", "Policy", "Tags", "Error", "NextToken", "State", "Attributes", "Variables"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.integers() | st.just(int(ACCOUNT)) | st.binary(max_size=4) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_nothing_that_identifies_is_left(answer: dict[str, Any]) -> None:
    redactor = Redactor(KNOWN)
    error = {"Error": {"Code": "AccessDenied", "Message": json.dumps(answer, default=str)}}
    written = json.dumps([redactor.members(answer), redactor.error(error)])
    assert [found for found in IDENTIFYING if found in written] == []
    assert not leaks(written, [ACCOUNT, *SECRETS])


@given(st.recursive(st.just({"S": ORDER}), lambda inner: st.lists(inner).map(lambda each: {"L": each}), max_leaves=5))
def test_no_value_of_an_order_is_left(value: Any) -> None:
    item = {"orderId": {"S": ORDER}, "lines": value, "paid": {"BOOL": True}}
    page = {"Items": [item], "Records": [{"dynamodb": {"NewImage": item, "Keys": {"orderId": {"S": ORDER}}}}]}
    redacted = Redactor({}).members(page)
    written = json.dumps(redacted)
    assert ORDER not in written
    assert "orderId" not in written
    assert json.dumps(Redactor({}).members(page)) == written


def test_equal_values_have_equal_placeholders() -> None:
    redacted = Redactor({"dev-orders": "<orders-table>"}).members(
        {
            "TableName": "dev-orders",
            "FunctionName": "other",
            "Arns": [f"arn:aws:lambda:us-east-1:{OTHER}:function:x"] * 2,
        }
    )
    assert redacted["TableName"] == "<orders-table>"
    assert redacted["FunctionName"] == "<name-1>"
    assert redacted["Arns"] == ["arn:aws:lambda:us-east-1:<account-1>:function:<resource-1>"] * 2


def test_the_index_of_tags_keeps_its_form_alone() -> None:
    arns = [f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}" for name in ("dev-failures", "old-name")]
    page = {
        "PaginationToken": "next",
        "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": [{"Key": "Team", "Value": "x"}]} for arn in arns],
    }
    redacted = Redactor({"dev-failures": "<dead-letter-queue>", ACCOUNT: "<account>"}).members(page)
    start = "arn:aws:sqs:us-east-1:<account>:"
    assert redacted == {
        "PaginationToken": "<token-1>",
        "ResourceTagMappingList": [
            {"ResourceARN": f"{start}<dead-letter-queue>", "Tags": [{"Key": "Team", "Value": "<tag-1>"}]},
            {"ResourceARN": f"{start}<resource-1>", "Tags": [{"Key": "Team", "Value": "<tag-1>"}]},
        ],
    }


def test_log_lines_of_functions_are_left_out_and_those_of_lambda_stay() -> None:
    lines = [{"message": "START RequestId: 3f1c8a52-9d0e-4b7a-8c6d-1e2f3a4b5c6d"}, {"message": f"failed: {ORDER}"}]
    assert Redactor({}).members({"events": lines})["events"] == [
        {"message": "START RequestId: <uuid-1>"},
        {"message": "<29 characters>"},
    ]
