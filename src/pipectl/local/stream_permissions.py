"""Lets IAM on the embedded AWS see which stream a DynamoDB Streams call is about.

MiniStack 1.5 evaluates these calls against the resource ``*``, so a policy for one table's streams, the least that a
role needs, would allow none of them. Here the resource is the stream that the request names, or that its shard
iterator was made for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any


def install() -> None:
    """Put it in place; before the server serves."""
    from ministack.core import iam_actions

    iam_actions.extract_resource_arn = naming_streams(iam_actions.extract_resource_arn)


def naming_streams(extract_resource_arn: Callable[..., str]) -> Callable[..., str]:
    """``extract_resource_arn(service, method, path, headers, body, ...)``, which knows no streams, taught to."""

    def extract(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        stream = _stream_of(body) if service == "dynamodbstreams" else None
        return stream or extract_resource_arn(service, method, path, headers, body, *more)

    return extract


def _stream_of(body: bytes) -> str | None:
    request = _object(body)
    iterator = request.get("ShardIterator")
    stream = request.get("StreamArn")
    if isinstance(iterator, str):
        try:
            stream = _object(base64.urlsafe_b64decode(iterator)).get("arn")
        except ValueError:
            return None
    return stream if isinstance(stream, str) else None


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
