"""The check of requests against botocore's constraints: it finds each kind of mistake."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.aws.calls import Call
from tests.constraints import check_request, unreadable_patterns, violations

MISTAKES: dict[str, tuple[Call, dict[str, Any], str]] = {
    "pattern": (Call("lambda", "GetFunction"), {"FunctionName": "a function"}, "does not match"),
    "maximum length": (Call("dynamodb", "DescribeTable"), {"TableName": "t" * 1025}, "above 1024"),
    "minimum length": (Call("cloudwatch", "DescribeAlarms"), {"AlarmNames": [""]}, "below 1"),
    "maximum number": (Call("lambda", "UpdateEventSourceMapping"), {"UUID": "u", "BatchSize": 10_001}, "above 10000"),
    "minimum number": (Call("lambda", "UpdateEventSourceMapping"), {"UUID": "u", "BatchSize": 0}, "below 1"),
    "maximum of a list": (Call("dynamodb", "BatchWriteItem"), {"RequestItems": {"t": [{}] * 26}}, "above 25"),
    "enumeration": (
        Call("dynamodb", "CreateTable"),
        {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW"}},
        "is none of",
    ),
    "key of a map": (Call("lambda", "TagResource"), {"Resource": "x", "Tags": {"k" * 129: ""}}, "Resource"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(name: str) -> None:
    call, parameters, reason = MISTAKES[name]
    assert reason in "; ".join(violations(call, parameters))
    with pytest.raises(AssertionError, match=call.operation):
        check_request(call, parameters, lambda: pytest.fail("the request was sent"))


def test_a_right_request_is_sent() -> None:
    assert check_request(Call("sts", "GetCallerIdentity"), {}, lambda: "sent") == "sent"
    table = {"TableName": "dev-orders-table-backend", "Tags": [{"Key": "Größe", "Value": ""}]}
    assert check_request(Call("dynamodb", "CreateTable"), table, lambda: "sent") == "sent"


def test_almost_every_pattern_is_read() -> None:
    """A pattern that Python cannot compile would fail the test that sends such a request."""
    assert unreadable_patterns() == {r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*"}
