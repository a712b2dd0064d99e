"""Lets IAM on the embedded AWS see which action a request is, and on which resource.

MiniStack 1.5 asks about the resource ``*`` for calls that name theirs in the body, so a policy for one stream, table,
function or alarm, the least that anybody needs, would allow none of them. And it takes a call about one event source
mapping for a listing, or asks nothing at all. Here both are what the Service Authorization Reference says.

Not modelled: of several alarms deleted at once only the first is asked about, and of a mapping not its function
(``lambda:FunctionArn``).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

Extract = Callable[..., str | None]

_MAPPING_ACTIONS = {"GET": "Get", "PUT": "Update", "DELETE": "Delete"}
_MAPPING_PATH = re.compile(r"/[\d-]+/event-source-mappings/[^/]+/?")
_FUNCTIONS_PATH = re.compile(r"/[\d-]+/functions/?")
_CONCURRENCY_PATH = re.compile(r"/[\d-]+/functions/[^/]+/concurrency/?")


def install() -> None:
    """Put it in place; before the server serves."""
    from ministack.core import iam_actions

    iam_actions.extract_iam_action = naming_actions(iam_actions.extract_iam_action)
    iam_actions.extract_resource_arn = naming_resources(iam_actions.extract_resource_arn)


def naming_actions(extract_action: Extract) -> Extract:
    """``extract_iam_action(service, method, path, ...)``, taught the calls about one mapping."""

    def extract(service: str, method: str, path: str, *more: Any) -> str | None:
        if service == "lambda" and _MAPPING_PATH.fullmatch(path) and method in _MAPPING_ACTIONS:
            return f"lambda:{_MAPPING_ACTIONS[method]}EventSourceMapping"
        if service == "lambda" and _CONCURRENCY_PATH.fullmatch(path) and method == "DELETE":
            return "lambda:DeleteFunctionConcurrency"
        return extract_action(service, method, path, *more)

    return extract


def naming_resources(extract_resource: Callable[..., str]) -> Callable[..., str]:
    """``extract_resource_arn(service, method, path, headers, body, query, region, account id)``, taught to read bodies.

    A stream is the one that the request names, or that its shard iterator was made for.
    """

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        named: object = None
        region, account_id = more[-2:]
        if service == "dynamodbstreams":
            named = _stream_of(body)
        elif service == "dynamodb":
            named = _object(body).get("ResourceArn")
        elif service == "monitoring":
            named = _alarm_of(headers, body, region, account_id)
        elif service == "lambda" and method == "POST" and _FUNCTIONS_PATH.fullmatch(path):
            name = _object(body).get("FunctionName")
            named = _arn("lambda", region, account_id, f"function:{name}") if name else None
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
