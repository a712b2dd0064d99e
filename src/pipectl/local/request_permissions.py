"""Lets IAM on the local emulator see which action a request is, and on which resource.

MiniStack 1.5 asks about the resource ``*`` for calls that name theirs in the body, so a policy for one stream, table,
function or alarm, the least that anybody needs, would allow none of them. And it asks about actions that
there are none of (a batch of SQS), or others (an event source mapping read is a listing, one deleted nothing at all).
Here both are what the Service Authorization Reference says.

A call that makes, changes or removes a mapping also says whose function it is about (``lambda:FunctionArn``).

Not modelled: of several alarms deleted at once only the first is asked about.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

Extract = Callable[..., str | None]
FunctionOf = Callable[[str, str, str], str | None]
"""The ARN of the function of a mapping, by region, account and UUID."""

FUNCTION_ARN = "lambda:FunctionArn"

_MAPPING_ACTIONS = {"GET": "Get", "PUT": "Update", "DELETE": "Delete"}
_MAPPING_PATH = re.compile(r"/[\d-]+/event-source-mappings/([^/]+)/?")
_MAPPINGS_PATH = re.compile(r"/[\d-]+/event-source-mappings/?")
_FUNCTIONS_PATH = re.compile(r"/[\d-]+/functions/?")
_CONCURRENCY_PATH = re.compile(r"/[\d-]+/functions/[^/]+/concurrency/?")

_function_arn: ContextVar[str | None] = ContextVar("function_arn", default=None)
"""Of the request that is being served."""


def install() -> None:
    """Put it in place; before the server serves."""
    from ministack.core import iam_actions
    from ministack.services import lambda_svc

    def function_of(region: str, account_id: str, uuid: str) -> str | None:
        mapping = lambda_svc._esms.get_scoped(account_id, region, uuid)
        return mapping["FunctionArn"] if mapping else None

    iam_actions.extract_iam_action = naming_actions(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = naming_resources(iam_actions.extract_resource_arn, function_of)
    iam_actions.request_tag_context = naming_functions(iam_actions.request_tag_context)


def naming_actions(extract_action: Extract) -> Extract:
    """``extract_iam_action(service, method, path, ...)``, taught those about one mapping, and the batches of SQS."""

    def extract(service: str, method: str, path: str, *more: Any) -> str | None:
        if service == "lambda" and _MAPPING_PATH.fullmatch(path) and method in _MAPPING_ACTIONS:
            return f"lambda:{_MAPPING_ACTIONS[method]}EventSourceMapping"
        if service == "lambda" and _CONCURRENCY_PATH.fullmatch(path) and method == "DELETE":
            return "lambda:DeleteFunctionConcurrency"
        action = extract_action(service, method, path, *more)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    return extract


def naming_functions(context: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """``request_tag_context(...)``, asked after the resource, with the function that `naming_resources` found."""

    def extended(*args: Any) -> dict[str, Any]:
        function_arn = _function_arn.get()
        return {**context(*args), FUNCTION_ARN: function_arn} if function_arn else context(*args)

    return extended


def naming_resources(extract_resource: Callable[..., str], function_of: FunctionOf) -> Callable[..., str]:
    """``extract_resource_arn(service, method, path, headers, body, query, region, account id)``, taught to read bodies.

    A stream is the one that the request names, or that its shard iterator was made for.
    """

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        named: object = None
        region, account_id = more[-2:]
        _function_arn.set(None)
        if service == "dynamodbstreams":
            named = _stream_of(body)
        elif service == "dynamodb":
            named = _object(body).get("ResourceArn")
        elif service == "monitoring":
            named = _alarm_of(headers, body, region, account_id)
        elif service == "lambda" and (mapping := _MAPPING_PATH.fullmatch(path)):
            _function_arn.set(function_of(region, account_id, mapping[1]))
        elif service == "lambda" and method == "POST" and (name := _object(body).get("FunctionName")):
            function_arn = _arn("lambda", region, account_id, f"function:{str(name).rsplit(':', 1)[-1]}")
            if _MAPPINGS_PATH.fullmatch(path):
                _function_arn.set(function_arn)
            elif _FUNCTIONS_PATH.fullmatch(path):
                named = function_arn
        return named if isinstance(named, str) else extract_resource(service, method, path, headers, body, *more)

    return extract


def _stream_of(body: bytes) -> object:
    request = _object(body)
    iterator = request.get("ShardIterator")
    if isinstance(iterator, str):
        try:
            return _object(base64.urlsafe_b64decode(iterator)).get("arn")
        except ValueError:
            return None
    return request.get("StreamArn")


def _alarm_of(headers: Any, body: bytes, region: str, account_id: str) -> object:
    """Alarms are described all or none, says CloudWatch's own denial, whichever are asked for."""
    request = _object(body)
    if headers.get("x-amz-target", "").endswith(".DescribeAlarms"):
        return _arn("cloudwatch", region, account_id, "alarm:*")
    names = request.get("AlarmNames")
    if isinstance(names, list) and names:
        return _arn("cloudwatch", region, account_id, f"alarm:{names[0]}")
    return request.get("ResourceARN")


def _arn(service: str, region: str, account_id: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{account_id}:{resource}"


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
