"""Responses as they come off the wire: complete, of AWS, and with the time of AWS's clock."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypedDict

from botocore.model import OperationModel
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

from pipectl.errors import UnreachableError

_JSON = ("json", "rest-json")
_JSON_IN_XML_APIS = ("GetBucketPolicy",)
"""Operations whose body is JSON, although the API speaks XML."""
_HTML = (b"<!doctype html", b"<html")


class NotAwsError(ResponseParserError):
    """A web page instead of a response of AWS."""


class RawResponse(TypedDict):
    """A response before botocore parses it."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


class Response(dict[str, object]):
    """A parsed response. A member that is missing is an error of the endpoint, not of pipectl."""

    def __init__(self, parsed: Mapping[str, object], service: str, operation: str) -> None:
        super().__init__(parsed)
        self._name = f"{service} {operation}"

    def __missing__(self, member: str) -> object:
        raise UnreachableError(
            f"{self._name}: the response has no {member}",
            hint="the endpoint is not AWS, or not complete: check --endpoint-url, AWS_ENDPOINT_URL and proxies",
        )


def named(parsed: object, service: str, operation: str) -> object:
    """Return a parsed response as a `Response`."""
    return Response(parsed, service, operation) if type(parsed) is dict else parsed


def check_body(operation: OperationModel, response: RawResponse) -> None:
    """Refuse a successful response whose body is cut, corrupted, or a web page.

    botocore takes a body that is no JSON for an empty one.

    Raises:
        ResponseParserError: the body cannot be read.
    """
    if response["status_code"] >= 300 or operation.has_streaming_output or operation.has_event_stream_output:
        return
    body = response["body"]
    if body[:64].lstrip().lower().startswith(_HTML):
        raise NotAwsError("the response is a web page")
    if operation.service_model.resolved_protocol not in _JSON and operation.name not in _JSON_IN_XML_APIS:
        return
    if not body:
        if response["status_code"] == 200 and _has_body(operation):
            raise ResponseParserError("the response is empty")
        return
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ResponseParserError("the response is not complete, or not JSON")


def _has_body(operation: OperationModel) -> bool:
    shape = operation.output_shape
    return shape is not None and any("location" not in member.serialization for member in shape.members.values())


def read_stream(operation: OperationModel, parsed: dict[str, object]) -> None:
    """Read a streamed body (GetObject, Invoke) to its end, so that a connection lost meanwhile is part of the call.

    To repeat an invocation is safe: Lambda itself delivers records at least once, and both functions do the same work
    twice to the same effect.

    Raises:
        BotoCoreError: the connection was lost.
    """
    if not operation.has_streaming_output or operation.output_shape is None:
        return
    member = operation.output_shape.serialization.get("payload", "")
    body = parsed.get(member)
    if isinstance(body, StreamingBody):
        content = body.read()
        parsed[member] = StreamingBody(io.BytesIO(content), len(content))


def clock_difference(response: RawResponse, now: datetime) -> float | None:
    """Return how many seconds the local clock is ahead of AWS's; ``None`` where the response has no date."""
    try:
        date = parsedate_to_datetime(response["headers"].get("Date", ""))
    except (TypeError, ValueError):
        return None
    return (now - (date if date.tzinfo else date.replace(tzinfo=UTC))).total_seconds()
