"""Asks IAM where AWS Lambda does and the Lambda of MiniStack 1.5 does not.

Modelled: only who may ``iam:PassRole`` a role to Lambda can give it to a function. A queue is read for a mapping while
the function's role may ``sqs:GetQueueAttributes`` and ``sqs:ReceiveMessage``, and a message comes again, however well
the function did, while it may not ``sqs:DeleteMessage``. What a function prints is kept while its role may write it to
the log group, and make that where it is gone.

Not modelled: that a mapping cannot be made without these permissions, mappings of one queue to several functions, and
AWS's own words in ``LastProcessingResult``. What Lambda does with a stream is asked in ``role_calls``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any

from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses
from ministack.services import cloudwatch_logs, lambda_svc, sqs

NO_ACCESS = "PROBLEM: Cannot access queue {arn}. Please ensure the role can perform {action} on it in IAM."


def install() -> None:
    """Put it in place. Call once, before the server serves."""
    lambda_svc._create_function = _passing_roles(lambda_svc._create_function)
    lambda_svc._update_config = _passing_roles(lambda_svc._update_config)
    lambda_svc._emit_lambda_logs = _writing_logs(lambda_svc._emit_lambda_logs)
    sqs._receive_messages_for_esm = _receiving(sqs._receive_messages_for_esm)
    sqs._delete_messages_for_esm = _deleting(sqs._delete_messages_for_esm)


def _passing_roles(change: Callable[..., Any]) -> Callable[..., Any]:
    """``_create_function(request)`` and ``_update_config(name, request)``."""

    def checked(*args: Any) -> Any:
        role, key = args[-1].get("Role"), iam_evaluator._verified_key.get()
        if role and key and not _allows(key, "iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"}):
            text = iam_actions.identity_denial_message("iam:PassRole", iam_evaluator.caller_arn(), role, False)
            return responses.error_response_json("AccessDeniedException", text, 403)
        return change(*args)

    return checked


def _receiving(receive: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """``_receive_messages_for_esm(queue_url, count)``. An empty queue is asked for too often to ask IAM each time."""

    def checked(queue_url: str, count: int) -> list[Any]:
        queue = sqs._queues.get(queue_url)
        if queue and queue["messages"] and _refused(queue, "sqs:GetQueueAttributes", "sqs:ReceiveMessage"):
            return []
        return receive(queue_url, count)

    return checked


def _deleting(delete: Callable[..., None]) -> Callable[..., None]:
    """``_delete_messages_for_esm(queue_url, receipt_handles)``."""

    def checked(queue_url: str, handles: set[str]) -> None:
        queue = sqs._queues.get(queue_url)
        if not (queue and _refused(queue, "sqs:DeleteMessage")):
            delete(queue_url, handles)

    return checked


def _refused(queue: Mapping[str, Any], *actions: str) -> bool:
    """Whether the role of the function that a mapping of this account and region gives the queue to may not do that."""
    here, arn = (responses.get_account_id(), responses.get_region()), queue["attributes"]["QueueArn"]
    for account_id, region, mapping in lambda_svc._iter_all_esms():
        if (account_id, region) == here and mapping.get("EventSourceArn") == arn:
            function, _ = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
            for action in actions:
                if function and not _role_may(function, action, arn):
                    mapping["LastProcessingResult"] = NO_ACCESS.format(arn=arn, action=action)
                    return True
    return False


def _writing_logs(emit: Callable[..., None]) -> Callable[..., None]:
    def checked(function: dict[str, Any], *args: Any, **more: Any) -> None:
        config = function.get("config") or function
        name = f"/aws/lambda/{config['FunctionName']}"
        arn = config["FunctionArn"].replace(":lambda:", ":logs:").split(":function:")[0] + f":log-group:{name}"
        needed = {"logs:CreateLogStream": f"{arn}:log-stream:", "logs:PutLogEvents": f"{arn}:log-stream:new"}
        if name not in cloudwatch_logs._log_groups:
            needed = {"logs:CreateLogGroup": arn, **needed}
        if all(_role_may(function, action, resource) for action, resource in needed.items()):
            emit(function, *args, **more)

    return checked


def _role_may(function: Mapping[str, Any], action: str, resource: str) -> bool:
    session = lambda_runtime.execution_credentials(function.get("config") or function)
    return _allows(session["AWS_ACCESS_KEY_ID"], action, resource)


def _allows(access_key: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """IAM's answer to a call of Lambda's own, which comes over TLS."""

    def ask() -> bool:
        iam_evaluator.pin_request_origin("127.0.0.1", True)
        service, region = action.split(":")[0], responses.get_region()
        return iam_evaluator.enforce(access_key, action, service, region, resource, dict(context or {})) is None

    return copy_context().run(ask)
