"""GetResources of the Resource Groups Tagging API, in front of MiniStack's.

MiniStack 1.5.33 lists no log groups and no alarms, and answers everything in one page. Not modelled: filters by the
type of a resource, and reports of compliance.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Forward, Inside, json_object
from pipectl.local.harshness import Harshness
from pipectl.local.requests import Request

TARGET = "ResourceGroupsTaggingAPI_20170126.GetResources"
_LOGS, _ALARMS = "Logs_20140328", "GraniteServiceVersion20100801"
PAGE, LARGEST_PAGE = 50, 100
Entry = Mapping[str, Any]
"""A resource with its tags, as GetResources lists it."""


class TagIndex:
    """Answers ``GetResources`` with the resources of the account and region, which can be those of a while ago."""

    def __init__(self, inside: Inside, harshness: Harshness, now: Callable[[], float] = time.monotonic) -> None:
        self._inside = inside
        self._seconds = harshness.index_age
        self._empty_pages = harshness.empty_pages
        self._now = now
        self._known: dict[Place, tuple[float, Sequence[Entry]]] = {}

    def serves(self, request: Request) -> bool:
        return request.headers.get("x-amz-target") == TARGET

    async def serve(self, request: Request, forward: Forward) -> Answer:
        answer = await forward()  # it checks the permission
        if not answer.succeeded:
            return answer
        parameters = json_object(request.body)
        start, size = _start(parameters.get("PaginationToken")), parameters.get("ResourcesPerPage", PAGE)
        if start is None or not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE:
            return answer.as_error(400, "InvalidParameterException", "A parameter of the request is invalid.")
        place = Place(await self._inside.account_of(request.access_key, request.region), request.region)
        listed = [each for each in await self._entries(place) if _matches(each, parameters.get("TagFilters") or [])]
        if start < 0:  # the empty pages that come first
            return _page(answer, [], start + 1)
        if "PaginationToken" not in parameters and self._empty_pages:
            return _page(answer, [], 1 - self._empty_pages)
        return _page(answer, listed[start : start + size], start + size if len(listed) > start + size else None)

    async def _entries(self, place: Place) -> Sequence[Entry]:
        read_at, entries = self._known.get(place, (float("-inf"), ()))
        if self._now() - read_at >= self._seconds:
            entries = sorted(await self._read(place), key=_order)
            self._known[place] = self._now(), entries
        return entries

    async def _read(self, place: Place) -> list[Entry]:
        found: list[Entry] = list(
            (await self._inside.json(place, "tagging", TARGET, {})).document.get("ResourceTagMappingList", [])
        )
        async for group in self._all(place, "logs", f"{_LOGS}.DescribeLogGroups", "logGroups", "nextToken"):
            arn = group["arn"].removesuffix(":*")
            tags = await self._inside.json(place, "logs", f"{_LOGS}.ListTagsForResource", {"resourceArn": arn})
            pairs = tags.document.get("tags", {}).items()
            found.append({"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in pairs]})
        async for alarm in self._all(place, "monitoring", f"{_ALARMS}.DescribeAlarms", "MetricAlarms", "NextToken"):
            arn = {"ResourceARN": alarm["AlarmArn"]}
            tags = await self._inside.json(place, "monitoring", f"{_ALARMS}.ListTagsForResource", arn)
            found.append({**arn, "Tags": tags.document.get("Tags", [])})
        return [each for each in found if each["Tags"]]

    async def _all(
        self, place: Place, service: str, target: str, member: str, token: str
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Yield what a call lists, of all pages."""
        more: dict[str, str] = {}
        while True:
            page = (await self._inside.json(place, service, target, more)).document
            for each in page.get(member, []):
                yield each
            if not page.get(token):
                return
            more = {token: page[token]}


def _order(entry: Entry) -> str:
    """Return a key that sorts in no order which a reader could rely on."""
    return hashlib.sha256(entry["ResourceARN"].encode()).hexdigest()


def _matches(entry: Entry, filters: Sequence[Mapping[str, Any]]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
    return all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )


def _page(answer: Answer, entries: Sequence[Entry], following: int | None) -> Answer:
    token = "" if following is None else base64.urlsafe_b64encode(json.dumps({"start": following}).encode()).decode()
    return answer.with_document({"PaginationToken": token, "ResourceTagMappingList": entries})


def _start(token: object) -> int | None:
    """Return the number in a token; 0 without a token, ``None`` for an invalid one."""
    if token in (None, ""):
        return 0
    try:
        start = json_object(base64.urlsafe_b64decode(str(token))).get("start")
    except ValueError:
        return None
    return start if isinstance(start, int) else None
