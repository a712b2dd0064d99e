"""Lets IAM see which action a request is, on which resource, and with which condition keys.

MiniStack 1.5.33 asks about the resource ``*`` for calls that name theirs in the body, so a policy for one stream,
table, function or alarm would allow none of them. It asks about actions that do not exist (a batch of SQS) or that are
wrong (an event source mapping that is read counts as a listing, one that is deleted as nothing at all, an alias that is
changed as a listing), and never about ``iam:PassRole``. Here all of them are what the Service Authorization Reference
says. A call that names an alias or a version is about the function's ARN with it.

A call that creates, changes or removes a mapping also names its function (``lambda:FunctionArn``).

Not modelled: of several alarms deleted at once only the first is asked about.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from pipectl.local.fronts import json_object
from pipectl.local.lambda_fronts import FUNCTION_PATH, hidden_tags
from pipectl.local.requests import Query, access_key_of

Extract = Callable[..., str | None]
FunctionOf = Callable[[str], str | None]
"""Returns the ARN of the function of a mapping, by the mapping's UUID."""
May = Callable[[str, str], bool]
"""Returns whether the caller with an access key may do something with a resource, by its ARN."""

FUNCTION_ARN = "lambda:FunctionArn"
PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action

_VERBS = {"GET": "Get", "PUT": "Update", "DELETE": "Delete"}
_MAPPING_PATH = re.compile(r"/[\d-]+/event-source-mappings/([^/]+)/?")
_MAPPINGS_PATH = re.compile(r"/[\d-]+/event-source-mappings/?")
_FUNCTIONS_PATH = re.compile(r"/[\d-]+/functions/?")
_CONFIGURATION_PATH = re.compile(r"/[\d-]+/functions/[^/]+/configuration/?")
_CONCURRENCY_PATH = re.compile(r"/[\d-]+/functions/[^/]+/concurrency/?")
_ALIAS_PATH = re.compile(r"/[\d-]+/functions/[^/]+/aliases/[^/]+/?")

_function_arn: ContextVar[str | None] = ContextVar("function_arn", default=None)
_refused_role: ContextVar[str | None] = ContextVar("refused_role", default=None)
# Both of the request that is being served.


class Naming:
    """Extends the functions with which MiniStack finds out what to ask IAM about."""

    def __init__(self, function_of: FunctionOf, may_pass_role: May, may_list_tags: May) -> None:
        self._function_of = function_of
        self._may_pass_role = may_pass_role
        self._may_list_tags = may_list_tags

    def actions(self, extract_action: Extract) -> Extract:
        """Extend ``extract_iam_action(service, method, path, headers, body, query)``.

        A role that the caller may not pass is what the request is denied for.
        """

        def extract(service: str, method: str, path: str, headers: Any, body: bytes, query: Any) -> str | None:
            _refused_role.set(None)
            if service == "lambda":
                role = _passed_role(method, path, body)
                if role is not None and not self._may_pass_role(access_key_of(headers, query), role):
                    _refused_role.set(role)
                    return PASS_ROLE
                if (named := _lambda_action(method, path)) is not None:
                    return named
            action = extract_action(service, method, path, headers, body, query)
            return action.removesuffix("Batch") if action and service == "sqs" else action

        return extract

    def resources(self, extract_resource: Callable[..., str]) -> Callable[..., str]:
        """Extend ``extract_resource_arn(service, method, path, headers, body, query, region, account id)``.

        A stream is the one that the request names, or that its shard iterator was made for.
        """

        def extract(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
            named: object = None
            query, region, account_id = more[-3:]
            _function_arn.set(None)
            if service == "dynamodbstreams":
                named = _stream_of(body)
            elif service == "dynamodb":
                named = json_object(body).get("ResourceArn")
            elif service == "monitoring":
                named = _alarm_of(headers, body, region, account_id)
            elif service == "lambda":
                named = _refused_role.get() or self._function_or_mapping(method, path, body, region, account_id)
            if isinstance(named, str):
                return named
            resource = extract_resource(service, method, path, headers, body, *more)
            if service != "lambda":
                return resource
            if method == "GET" and FUNCTION_PATH.fullmatch(path):
                self._note_tags(access_key_of(headers, query), resource)
            return _qualified(resource, query)

        return extract

    def _note_tags(self, access_key: str, function_arn: str) -> None:
        """Note that the answer must not show the tags, if the caller may not list them."""
        hidden = hidden_tags.get(None)
        if hidden is not None and not self._may_list_tags(access_key, function_arn):
            hidden.append(function_arn)

    def _function_or_mapping(self, method: str, path: str, body: bytes, region: str, account_id: str) -> object:
        if mapping := _MAPPING_PATH.fullmatch(path):
            _function_arn.set(self._function_of(mapping[1]))
        elif method == "POST" and (name := json_object(body).get("FunctionName")):
            function = str(name).split(":function:")[-1]  # a name or an ARN, perhaps with an alias
            function_arn = _arn("lambda", region, account_id, f"function:{function}")
            if _MAPPINGS_PATH.fullmatch(path):
                _function_arn.set(function_arn)
            elif _FUNCTIONS_PATH.fullmatch(path):
                return function_arn
        return None

    def contexts(self, request_context: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """Extend ``request_tag_context(...)``, which is called after `resources`."""

        def extended(*args: Any) -> dict[str, Any]:
            keys = dict(request_context(*args))
            if function_arn := _function_arn.get():
                keys[FUNCTION_ARN] = function_arn
            if _refused_role.get():
                keys["iam:PassedToService"] = "lambda.amazonaws.com"
            return keys

        return extended


def _passed_role(method: str, path: str, body: bytes) -> str | None:
    """Return the role that a request gives to a function."""
    creates = method == "POST" and _FUNCTIONS_PATH.fullmatch(path)
    changes = method == "PUT" and _CONFIGURATION_PATH.fullmatch(path)
    role = json_object(body).get("Role") if creates or changes else None
    return role if isinstance(role, str) else None


def _lambda_action(method: str, path: str) -> str | None:
    verb = _VERBS.get(method)
    if verb and _MAPPING_PATH.fullmatch(path):
        return f"lambda:{verb}EventSourceMapping"
    if verb and _ALIAS_PATH.fullmatch(path):
        return f"lambda:{verb}Alias"
    if verb and method != "PUT" and _CONCURRENCY_PATH.fullmatch(path):
        return f"lambda:{verb}FunctionConcurrency"
    return None


def _qualified(function_arn: str, query: Query) -> str:
    """Return the ARN with the alias or version that the query names."""
    qualifier = (query.get("Qualifier") or [""])[0]
    return f"{function_arn}:{qualifier}" if qualifier else function_arn


def _stream_of(body: bytes) -> object:
    request = json_object(body)
    iterator = request.get("ShardIterator")
    if isinstance(iterator, str):
        try:
            return json_object(base64.urlsafe_b64decode(iterator)).get("arn")
        except ValueError:
            return None
    return request.get("StreamArn")


def _alarm_of(headers: Any, body: bytes, region: str, account_id: str) -> object:
    """Alarms are described all or none, says CloudWatch's own denial, whichever are asked for."""
    request = json_object(body)
    if headers.get("x-amz-target", "").endswith(".DescribeAlarms"):
        return _arn("cloudwatch", region, account_id, "alarm:*")
    names = request.get("AlarmNames")
    if isinstance(names, list) and names:
        return _arn("cloudwatch", region, account_id, f"alarm:{names[0]}")
    return request.get("ResourceARN")


def _arn(service: str, region: str, account_id: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{account_id}:{resource}"
