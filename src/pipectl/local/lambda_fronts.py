"""Lambda's answers, where MiniStack 1.5.33 differs from AWS: invocations, event source mappings, functions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Forward, Inside
from pipectl.local.function_code import FunctionCode
from pipectl.local.function_logs import executed
from pipectl.local.mappings import Mappings
from pipectl.local.requests import Request

INVOCATIONS_PATH = re.compile(r"/[\d-]+/functions/[^/]+/invocations")
FUNCTION_PATH = re.compile(r"/[\d-]+/functions/[^/]+/?")
MAPPINGS_PATH = re.compile(r"/[\d-]+/event-source-mappings(/.*)?")

STREAM_CONFLICT = (
    'The event source arn (" {source} ") and function (" {function} ") provided mapping already exists. '
    "Please update or delete the existing mapping with UUID {uuid}"
)
QUEUE_CONFLICT = (
    'An event source mapping with SQS arn (" {source} ") and function (" {function} ") already exists. '
    "Please update or delete the existing mapping with UUID {uuid}"
)


class Invocations:
    """Answers ``Invoke`` with the request ID under which the function ran, which its log lines have."""

    def serves(self, request: Request) -> bool:
        return INVOCATIONS_PATH.fullmatch(request.path) is not None

    async def serve(self, _request: Request, forward: Forward) -> Answer:
        request_ids: list[str] = []
        executed.set(request_ids)
        answer = await forward()
        return answer.with_header(b"x-amzn-requestid", request_ids[-1]) if request_ids else answer


class MappingAnswers:
    """Refuses a second mapping of the same source and function, and describes mappings as AWS does."""

    def __init__(self, inside: Inside, mappings: Mappings) -> None:
        self._inside = inside
        self._mappings = mappings
        self._creating = asyncio.Lock()

    def serves(self, request: Request) -> bool:
        return MAPPINGS_PATH.fullmatch(request.path) is not None

    async def serve(self, request: Request, forward: Forward) -> Answer:
        if request.method != "POST":
            return self._described(await forward())
        async with self._creating:
            created = await forward()  # MiniStack checks permissions first, as AWS does
            return await self._conflict(request, created) or self._described(created)

    async def _conflict(self, request: Request, created: Answer) -> Answer | None:
        """Delete the mapping that was just created, and return the refusal, when it is the second of its kind."""
        new = created.document
        if not created.succeeded or "FunctionArn" not in new:
            return None
        place = Place(new["FunctionArn"].split(":")[4], request.region)
        path = "/2015-03-31/event-source-mappings/"
        found = (await self._inside.rest(place, "lambda", "GET", path)).document.get("EventSourceMappings", [])
        same = [each["UUID"] for each in found if _kind(each) == _kind(new) and each["UUID"] != new["UUID"]]
        if not same:
            return None
        await self._inside.rest(place, "lambda", "DELETE", f"{path}{new['UUID']}")
        source, function = _kind(new)
        text = QUEUE_CONFLICT if ":sqs:" in source else STREAM_CONFLICT
        message = text.format(source=source, function=function.split(":", 6)[-1], uuid=same[0])
        return created.as_error(409, "ResourceConflictException", message)

    def _described(self, answer: Answer) -> Answer:
        if not answer.succeeded or not answer.document:
            return answer
        document = answer.document
        for mapping in document.get("EventSourceMappings", [document]):
            self._describe(mapping)
        return answer.with_document(document)

    def _describe(self, mapping: dict[str, Any]) -> None:
        if ":sqs:" in mapping.get("EventSourceArn", ""):
            mapping.pop("LastProcessingResult", None)  # never there for queues
            return
        if "StateTransitionReason" in mapping:
            mapping["StateTransitionReason"] = "User action"
        known = self._mappings.get(mapping.get("UUID", ""))
        if known and known.last_result:
            mapping["LastProcessingResult"] = known.last_result


def _kind(mapping: Mapping[str, Any]) -> tuple[str, str]:
    return mapping.get("EventSourceArn", ""), mapping["FunctionArn"]


hidden_tags: ContextVar[list[str]] = ContextVar("hidden_tags")
"""The functions whose tags the caller may not list, of the request that is served. `Naming` adds them."""


class FunctionAnswers:
    """Answers ``GetFunction`` with a URL of the code of the version that was asked for.

    A caller who may not ``lambda:ListTags`` gets no tags, as on AWS since 2024.
    """

    def __init__(self, code: FunctionCode) -> None:
        self._code = code

    def serves(self, request: Request) -> bool:
        return request.method == "GET" and FUNCTION_PATH.fullmatch(request.path) is not None

    async def serve(self, request: Request, forward: Forward) -> Answer:
        hidden: list[str] = []
        hidden_tags.set(hidden)
        answer = await forward()
        document = answer.document
        if not answer.succeeded:
            return answer
        if "Location" in document["Code"]:
            document["Code"]["Location"] = self._code.location(request.headers["host"], document["Configuration"])
        if not document.get("Tags"):
            document.pop("Tags", None)
        if hidden:
            document.pop("Tags", None)
            message = f"The caller is not authorized to perform: lambda:ListTags on resource: {hidden[0]}"
            document["TagsError"] = {"ErrorCode": "AccessDeniedException", "Message": message}
        return answer.with_document(document)
