"""The index of tags: its ARNs are untrusted text, its pages can be empty, and it can be wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pipectl.aws.tagged import PAGE, TaggedResource, tagged_resources
from pipectl.errors import AccessDeniedError, UnreachableError
from tests.aws.fakes import Wire, answer, client_error, first
from tests.constraints import check_request

HERE = "us-east-1:123456789012"
OURS = {"ManagedBy": "pipectl", "Project": "shop"}


def page(*arns: str, token: str = "", tags: dict[str, str] = OURS) -> dict[str, Any]:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {
        "PaginationToken": token,
        "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": listed} for arn in arns],
    }


def found(wire: Wire, *answers: Any, tags: dict[str, str | None] | None = None) -> list[TaggedResource]:
    """Read the index, which answers so."""
    wire.meets = page
    wire.call("resourcegroupstaggingapi", "GetResources")  # hooks the client up
    wire.meets = first(*answers)
    return tagged_resources(wire.aws, tags or {"ManagedBy": "pipectl"})


@pytest.mark.parametrize(
    ("arn", "service", "kind", "name"),
    [
        (f"arn:aws:dynamodb:{HERE}:table/orders", "dynamodb", "table", "orders"),
        (f"arn:aws:dynamodb:{HERE}:table/orders/index/by-time", "dynamodb", None, "table/orders/index/by-time"),
        (f"arn:aws:dynamodb:{HERE}:table/orders/stream/2026-01-01T00:00:00.000", "dynamodb", None,
         "table/orders/stream/2026-01-01T00:00:00.000"),
        ("arn:aws:s3:::processed-data", "s3", "bucket", "processed-data"),
        ("arn:aws-cn:s3:::processed-data", "s3", "bucket", "processed-data"),
        (f"arn:aws:s3:{HERE}:accesspoint/reader", "s3", None, "accesspoint/reader"),
        (f"arn:aws:sqs:{HERE}:failures", "sqs", "queue", "failures"),
        (f"arn:aws:lambda:{HERE}:function:processor", "lambda", "function", "processor"),
        (f"arn:aws:lambda:{HERE}:function:processor:7", "lambda", None, "function:processor:7"),
        (f"arn:aws:lambda:{HERE}:event-source-mapping:0-1", "lambda", "mapping", "0-1"),
        (f"arn:aws:logs:{HERE}:log-group:/aws/lambda/processor", "logs", "log-group", "/aws/lambda/processor"),
        (f"arn:aws:logs:{HERE}:log-group:/aws/lambda/processor:*", "logs", "log-group", "/aws/lambda/processor"),
        (f"arn:aws:cloudwatch:{HERE}:alarm:a: b/c", "cloudwatch", "alarm", "a: b/c"),
        ("arn:aws:iam::123456789012:role/team/processor", "iam", "role", "processor"),
        (f"arn:aws:ec2:{HERE}:instance/i-1", "ec2", None, "instance/i-1"),
        (f"arn:aws:sqs:{HERE}:", "", None, f"arn:aws:sqs:{HERE}:"),
        (f"arn:aws:dynamodb:{HERE}:table/", "dynamodb", None, "table/"),
        ("no arn\n\x1b[31m", "", None, "no arn\n\x1b[31m"),
        ("arn:aws", "", None, "arn:aws"),
    ],
)  # fmt: skip
def test_an_arn_is_read_into_kind_and_name(wire: Wire, arn: str, service: str, kind: str | None, name: str) -> None:
    assert found(wire, page(arn)) == [TaggedResource(arn, service, kind, name, OURS)]


def test_every_page_is_read_also_after_an_empty_one(wire: Wire) -> None:
    orders, failures = f"arn:aws:dynamodb:{HERE}:table/orders", f"arn:aws:sqs:{HERE}:failures"
    resources = found(wire, page(failures, token="1"), page(token="2"), page(orders, failures))
    assert [each.name for each in resources] == ["orders", "failures"]  # sorted by ARN, each once


def test_an_index_without_resources_is_empty(wire: Wire) -> None:
    assert found(wire, page()) == []


def test_pages_that_never_end_are_an_error(wire: Wire) -> None:
    with pytest.raises(UnreachableError, match="token"):
        found(wire, page(token="1"), page(token="1"))


def test_a_resource_with_other_tags_or_of_another_region_is_left_out(wire: Wire) -> None:
    elsewhere = "arn:aws:sqs:eu-west-1:123456789012:failures"
    assert found(wire, page(elsewhere)) == []
    here = page(f"arn:aws:sqs:{HERE}:failures", tags={"ManagedBy": "hand"})
    assert found(wire, here) == []
    assert [each.name for each in found(wire, here, tags={"ManagedBy": None})] == ["failures"]
    assert found(wire, here, tags={"ManagedBy": None, "Project": None}) == []


def test_a_resource_without_an_arn_is_left_out(wire: Wire) -> None:
    assert found(wire, {"ResourceTagMappingList": [{"Tags": [{"Key": "ManagedBy", "Value": "pipectl"}]}]}) == []


def test_an_answer_without_a_list_is_an_error(wire: Wire) -> None:
    with pytest.raises(UnreachableError, match="ResourceTagMappingList"):
        found(wire, answer("{}"))


def test_a_throttled_call_is_repeated(wire: Wire) -> None:
    throttled = client_error("ThrottledException", "Rate exceeded", 429)
    assert len(found(wire, throttled, throttled, page(f"arn:aws:sqs:{HERE}:failures"))) == 1


def test_a_denied_call_names_its_action(wire: Wire) -> None:
    text = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: tag:GetResources"
    with pytest.raises(AccessDeniedError) as caught:
        found(wire, client_error("AccessDeniedException", text))
    assert (caught.value.actions, caught.value.target) == (("tag:GetResources",), "*")


def test_the_request_keeps_the_limits_of_the_api(wire: Wire) -> None:
    sent: list[dict[str, Any]] = []

    def attempt(call: Any, parameters: Any, _: Any) -> object:
        sent.append(parameters)
        return check_request(call, parameters, lambda: page(token="" if len(sent) == 2 else "next"))

    before, wire.aws.attempt = wire.aws.attempt, attempt
    try:
        tagged_resources(wire.aws, {"ManagedBy": "pipectl", "Project": None})
    finally:
        wire.aws.attempt = before
    filters = [{"Key": "ManagedBy", "Values": ["pipectl"]}, {"Key": "Project"}]
    assert sent == [
        {"TagFilters": filters, "ResourcesPerPage": PAGE},
        {"TagFilters": filters, "ResourcesPerPage": PAGE, "PaginationToken": "next"},
    ]
