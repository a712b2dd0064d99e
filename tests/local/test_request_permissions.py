"""The action, the resource and the condition keys that IAM sees for a request."""

from __future__ import annotations

import base64
import json

import pytest

from pipectl.local.lambda_fronts import hidden_tags
from pipectl.local.request_permissions import FUNCTION_ARN, Naming

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders"
ALARMS = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:"
PROCESSOR = "arn:aws:lambda:us-east-1:000000000000:function:processor"
MINISTACKS = "MiniStack's own answer"
ROLE = "arn:aws:iam::000000000000:role/processor"
MAPPING = "/2015-03-31/event-source-mappings/d8854f34"


FUNCTIONS = {"d8854f34": "the function of mapping d8854f34"}
NAMING = Naming(
    FUNCTIONS.get, lambda key, role: (key, role) == ("AKIATEST", ROLE), lambda _, function: function == PROCESSOR
)


def iterator(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def resource_of(body: bytes, service: str = "dynamodbstreams", target: str = "", path: str = "/") -> str:
    extract = NAMING.resources(lambda *_: MINISTACKS)
    return extract(service, "POST", path, {"x-amz-target": target}, body, {}, "us-east-1", "000000000000")


@pytest.mark.parametrize(
    "request_body",
    [
        {"StreamArn": STREAM_ARN},
        {"StreamArn": STREAM_ARN, "ShardId": "shardId-1", "ShardIteratorType": "LATEST"},
        {"ShardIterator": iterator(json.dumps({"arn": STREAM_ARN, "p": 7}).encode()), "Limit": 1},
    ],
)
def test_stream_is_the_resource(request_body: dict[str, object]) -> None:
    assert resource_of(json.dumps(request_body).encode()) == STREAM_ARN


@pytest.mark.parametrize("service", ["dynamodbstreams", "dynamodb", "monitoring", "lambda"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"[]",
        b"{}",
        json.dumps({"StreamArn": 1, "ResourceArn": 1, "ResourceARN": 1, "AlarmNames": 1}).encode(),
        json.dumps({"ShardIterator": "a"}).encode(),
        json.dumps({"ShardIterator": iterator(b"not JSON")}).encode(),
    ],
)
def test_resource_is_left_to_ministack_where_the_body_names_none(body: bytes, service: str) -> None:
    assert resource_of(body, service, path="/2015-03-31/functions") == MINISTACKS


def test_other_services_are_left_to_ministack() -> None:
    assert resource_of(json.dumps({"StreamArn": STREAM_ARN}).encode(), "kinesis") == MINISTACKS


@pytest.mark.parametrize(
    ("service", "target", "request_body", "resource"),
    [
        ("dynamodb", "DynamoDB_20120810.TagResource", {"ResourceArn": TABLE_ARN}, TABLE_ARN),
        ("dynamodb", "DynamoDB_20120810.GetItem", {"TableName": "orders"}, MINISTACKS),
        ("lambda", "", {"FunctionName": "processor"}, PROCESSOR),
        ("monitoring", "GraniteServiceVersion20100801.DeleteAlarms", {"AlarmNames": ["a", "b"]}, f"{ALARMS}a"),
        ("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", {"AlarmNames": ["a"]}, f"{ALARMS}*"),
        ("monitoring", "GraniteServiceVersion20100801.TagResource", {"ResourceARN": f"{ALARMS}a"}, f"{ALARMS}a"),
    ],
)
def test_resource_is_read_from_the_body(
    service: str, target: str, request_body: dict[str, object], resource: str
) -> None:
    found = resource_of(json.dumps(request_body).encode(), service, target, "/2015-03-31/functions")
    assert found == resource


@pytest.mark.parametrize(
    ("service", "method", "path", "action"),
    [
        ("lambda", "GET", MAPPING, "lambda:GetEventSourceMapping"),
        ("lambda", "PUT", MAPPING, "lambda:UpdateEventSourceMapping"),
        ("lambda", "DELETE", MAPPING, "lambda:DeleteEventSourceMapping"),
        ("lambda", "GET", "/2015-03-31/event-source-mappings/", MINISTACKS),
        ("lambda", "DELETE", "/2017-10-31/functions/processor/concurrency", "lambda:DeleteFunctionConcurrency"),
        ("lambda", "PUT", "/2017-10-31/functions/processor/concurrency", MINISTACKS),
        ("lambda", "GET", "/2019-09-30/functions/processor/concurrency", "lambda:GetFunctionConcurrency"),
        ("lambda", "GET", "/2015-03-31/functions/processor/aliases/live", "lambda:GetAlias"),
        ("lambda", "PUT", "/2015-03-31/functions/processor/aliases/live", "lambda:UpdateAlias"),
        ("lambda", "DELETE", "/2015-03-31/functions/processor/aliases/live", "lambda:DeleteAlias"),
        ("lambda", "POST", "/2015-03-31/functions/processor/aliases", MINISTACKS),
        ("s3", "GET", MAPPING, MINISTACKS),
    ],
)
def test_action(service: str, method: str, path: str, action: str) -> None:
    assert NAMING.actions(lambda *_: MINISTACKS)(service, method, path, {}, b"", {}) == action


@pytest.mark.parametrize(
    ("method", "path", "body", "function"),
    [
        ("POST", "/2015-03-31/event-source-mappings/", {"FunctionName": "processor"}, PROCESSOR),
        ("POST", "/2015-03-31/event-source-mappings", {"FunctionName": PROCESSOR}, PROCESSOR),
        ("POST", "/2015-03-31/event-source-mappings", {"FunctionName": f"{PROCESSOR}:live"}, f"{PROCESSOR}:live"),
        ("POST", "/2015-03-31/event-source-mappings", {"FunctionName": "processor:live"}, f"{PROCESSOR}:live"),
        ("DELETE", MAPPING, {}, "the function of mapping d8854f34"),
        ("POST", "/2015-03-31/functions", {"FunctionName": "processor"}, None),
        ("GET", "/2015-03-31/event-source-mappings/", {}, None),
    ],
)
def test_calls_about_a_mapping_name_its_function(
    method: str, path: str, body: dict[str, str], function: str | None
) -> None:
    NAMING.resources(lambda *_: MINISTACKS)(
        "lambda", method, path, {}, json.dumps(body).encode(), {}, "us-east-1", "000000000000"
    )
    assert NAMING.contexts(lambda *_: {"a": "b"})().get(FUNCTION_ARN) == function


@pytest.mark.parametrize(
    ("service", "query", "resource"),
    [
        ("lambda", {"Qualifier": ["live"]}, "MiniStack's own answer:live"),
        ("lambda", {}, MINISTACKS),
        ("s3", {"Qualifier": ["live"]}, MINISTACKS),
    ],
)
def test_an_alias_is_part_of_the_resource(service: str, query: dict[str, list[str]], resource: str) -> None:
    path = "/2015-03-31/functions/processor/invocations"
    extract = NAMING.resources(lambda *_: MINISTACKS)
    assert extract(service, "POST", path, {}, b"", query, "us-east-1", "000000000000") == resource


@pytest.mark.parametrize(("function", "hidden"), [(PROCESSOR, []), (f"{PROCESSOR}-2", [f"{PROCESSOR}-2"])])
def test_a_function_whose_tags_the_caller_may_not_list_is_noted(function: str, hidden: list[str]) -> None:
    noted: list[str] = []
    token = hidden_tags.set(noted)
    path = "/2015-03-31/functions/processor"
    extract = NAMING.resources(lambda *_: function)
    extract("lambda", "GET", path, {}, b"", {}, "us-east-1", "000000000000")
    extract("lambda", "DELETE", path, {}, b"", {}, "us-east-1", "000000000000")
    hidden_tags.reset(token)
    assert noted == hidden


@pytest.mark.parametrize(("service", "action"), [("sqs", "sqs:DeleteMessage"), ("sns", "sqs:DeleteMessageBatch")])
def test_batch_of_sqs_needs_the_action_of_a_single_message(service: str, action: str) -> None:
    assert NAMING.actions(lambda *_: "sqs:DeleteMessageBatch")(service, "POST", "/", {}, b"", {}) == action


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/2015-03-31/functions"), ("PUT", "/2015-03-31/functions/processor/configuration")],
)
@pytest.mark.parametrize(("key", "action"), [("AKIATEST", MINISTACKS), ("AKIAOTHER", "iam:PassRole")])
def test_a_role_that_the_caller_may_not_pass_is_named(method: str, path: str, key: str, action: str) -> None:
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/lambda/aws4_request"}
    body = json.dumps({"FunctionName": "processor", "Role": ROLE}).encode()
    assert NAMING.actions(lambda *_: MINISTACKS)("lambda", method, path, headers, body, {}) == action
    resource = NAMING.resources(lambda *_: MINISTACKS)("lambda", method, path, headers, body, {}, "us-east-1", "0")
    context = NAMING.contexts(lambda *_: {})()
    assert (resource == ROLE) is (action == "iam:PassRole")
    assert context.get("iam:PassedToService") == ("lambda.amazonaws.com" if action == "iam:PassRole" else None)
