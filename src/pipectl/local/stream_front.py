"""DynamoDB Streams with several shards, in front of MiniStack's streams of one shard.

Every request goes to MiniStack first, which checks its signature and its permissions. Then the records of the stream
are read from MiniStack's own shard with its public API, and the answer is composed from `shards`.

Streams that were closed, or whose table was deleted, are listed for 24 hours.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Forward, Inside, json_object
from pipectl.local.harshness import Harshness
from pipectl.local.requests import Request
from pipectl.local.shards import MAX_PAGE, RETENTION_SECONDS, Shard, StreamCopy, empty_pages_before, paged

STREAMS = "DynamoDBStreams_20120810"
ITERATOR_SECONDS = 15 * 60
MAX_SHARDS = 100
_MINISTACKS_SHARD = "Shard does not exist"
_MINISTACKS_ITERATOR = "ShardIterator is not valid"
"""MiniStack's errors for our shards and iterators. The request was allowed, then."""


class StreamFront:
    """Serves the operations of DynamoDB Streams."""

    def __init__(self, inside: Inside, harshness: Harshness) -> None:
        self._inside = inside
        self._harshness = harshness
        self._streams: dict[str, _Stream] = {}
        self._closed: defaultdict[Place, dict[str, float]] = defaultdict(dict)
        """The closed streams, and when they were closed in epoch seconds."""

    def serves(self, request: Request) -> bool:
        target = request.headers.get("x-amz-target", "")
        return target.startswith(STREAMS) or target.rpartition(".")[2] in ("DeleteTable", "UpdateTable")

    async def serve(self, request: Request, forward: Forward) -> Answer:
        answer = await forward()
        parameters = json_object(request.body)
        if request.operation in ("DeleteTable", "UpdateTable"):
            self._note_closed(answer)
        elif request.operation == "ListStreams" and answer.succeeded:
            return await self._list(request, parameters, answer)
        elif request.operation == "DescribeStream" and answer.succeeded:
            return await self._describe(parameters, answer)
        elif request.operation == "GetShardIterator" and (answer.succeeded or _says(answer, _MINISTACKS_SHARD)):
            return await self._iterator(parameters, answer)
        elif request.operation == "GetRecords" and _says(answer, _MINISTACKS_ITERATOR):
            return await self._records(parameters, answer)
        return answer

    def _note_closed(self, answer: Answer) -> None:
        table = answer.document.get("TableDescription", {})
        arn = table.get("LatestStreamArn")
        enabled = (table.get("StreamSpecification") or {}).get("StreamEnabled")
        if answer.succeeded and arn and (table.get("TableStatus") == "DELETING" or not enabled):
            self._closed[_place(arn)].setdefault(arn, time.time())

    async def _list(self, request: Request, parameters: Mapping[str, Any], answer: Answer) -> Answer:
        place = Place(await self._inside.account_of(request.access_key, request.region), request.region)
        found: dict[str, dict[str, str]] = {}
        more: dict[str, str] = {}
        while True:
            page = (await self._inside.json(place, "dynamodb", f"{STREAMS}.ListStreams", more)).document
            found |= {stream["StreamArn"]: stream for stream in page.get("Streams", [])}
            if not (last := page.get("LastEvaluatedStreamArn")):
                break
            more = {"ExclusiveStartStreamArn": last}
        for arn, closed in self._closed[place].items():
            if closed > time.time() - RETENTION_SECONDS:
                _, name, _, label = arn.split(":", 5)[5].split("/")
                found.setdefault(arn, {"StreamArn": arn, "TableName": name, "StreamLabel": label})
        table, after = parameters.get("TableName"), parameters.get("ExclusiveStartStreamArn", "")
        listed = [found[arn] for arn in sorted(found) if arn > after and table in (None, found[arn]["TableName"])]
        limit = int(parameters.get("Limit", MAX_SHARDS))
        following = {"LastEvaluatedStreamArn": listed[limit - 1]["StreamArn"]} if len(listed) > limit else {}
        return answer.with_document({"Streams": listed[:limit], **following})

    async def _describe(self, parameters: Mapping[str, Any], answer: Answer) -> Answer:
        arn = parameters["StreamArn"]
        shards = (await self._stream(arn).current()).shards
        if (children := parameters.get("ShardFilter") or {}).get("Type") == "CHILD_SHARDS":
            shards = [shard for shard in shards if shard.parent == children.get("ShardId")]
        limit = min(int(parameters.get("Limit", MAX_SHARDS)), MAX_SHARDS)
        page, last = paged(shards, parameters.get("ExclusiveStartShardId"), limit)
        description = answer.document["StreamDescription"] | {"Shards": [shard.described() for shard in page]}
        description.pop("LastEvaluatedShardId", None)
        if last:
            description["LastEvaluatedShardId"] = last
        return answer.with_document({"StreamDescription": description})

    async def _iterator(self, parameters: Mapping[str, Any], answer: Answer) -> Answer:
        arn, kind = str(parameters.get("StreamArn", "")), parameters.get("ShardIteratorType")
        shard = (await self._stream(arn).current()).find(str(parameters.get("ShardId", "")))
        if shard is None:
            return answer.as_error(
                400, "ResourceNotFoundException", f"Requested resource not found: {_MINISTACKS_SHARD}"
            )
        position: int | None
        if kind in ("TRIM_HORIZON", "LATEST"):
            position = shard.trimmed if kind == "TRIM_HORIZON" else shard.next_position
        else:
            number = str(parameters.get("SequenceNumber", "0"))
            position = shard.position_at(number, after=kind == "AFTER_SEQUENCE_NUMBER")
        if position is None:
            return answer.as_error(
                400, "TrimmedDataAccessException", "The sequence number is not in the shard any more"
            )
        return answer.with_document({"ShardIterator": self._token(arn, shard, position)}, 200)

    async def _records(self, parameters: Mapping[str, Any], answer: Answer) -> Answer:
        token = _decoded(str(parameters.get("ShardIterator", "")))
        if token is None:
            return answer
        if time.time() - token["i"] > ITERATOR_SECONDS:
            return answer.as_error(400, "ExpiredIteratorException", "The shard iterator has expired")
        arn = token["arn"]
        shard = (await self._stream(arn).current()).find(token["s"])
        if shard is None:
            return answer.as_error(400, "ResourceNotFoundException", f"Stream not found: {arn}")
        position = token["p"]
        if position < shard.trimmed:
            return answer.as_error(400, "TrimmedDataAccessException", "The records have been trimmed")
        if token["e"]:
            following = {"NextShardIterator": self._token(arn, shard, position, token["e"] - 1)}
            return answer.with_document({"Records": [], **following}, 200)
        page = shard.page(position, int(parameters.get("Limit", MAX_PAGE)))
        position += len(page)
        ended = shard.end is not None and position >= shard.next_position
        next_iterator = "" if ended else f', "NextShardIterator": "{self._token(arn, shard, position)}"'
        return answer.with_text(f'{{"Records": [{", ".join(page)}]{next_iterator}}}', 200)

    def _token(self, arn: str, shard: Shard, position: int, empty: int | None = None) -> str:
        """Return an iterator. IAM reads its stream, in `request_permissions`; clients read nothing."""
        if empty is None:
            empty = empty_pages_before(arn, shard.shard_id, position, self._harshness.empty_pages)
        token = {"arn": arn, "s": shard.shard_id, "p": position, "e": empty, "i": time.time()}
        return base64.urlsafe_b64encode(json.dumps(token).encode()).decode()

    def _stream(self, arn: str) -> _Stream:
        if arn not in self._streams:
            self._streams[arn] = _Stream(self._inside, arn, self._harshness.roll_after)
        return self._streams[arn]


class _Stream:
    """Copies the records of a stream from MiniStack's shard."""

    def __init__(self, inside: Inside, arn: str, roll_after: int) -> None:
        self._inside = inside
        self._arn = arn
        self._place = _place(arn)
        self._copy = StreamCopy(arn, _milliseconds(arn.rpartition("/")[2]), roll_after)
        self._reading = asyncio.Lock()
        self._shard_id = ""
        self._iterator: str | None = None
        self._closed = False

    async def current(self) -> StreamCopy:
        """Return the shards with all records that were written until now."""
        async with self._reading:
            while not self._closed and await self._read():
                pass
            self._copy.expire(time.time() - RETENTION_SECONDS)
        return self._copy

    async def _read(self) -> bool:
        """Read a page; return false when nothing is left to read."""
        if self._iterator is None and not await self._open():
            return False
        page = await self._call("GetRecords", ShardIterator=self._iterator, Limit=MAX_PAGE)
        if not page.succeeded:  # the iterator has expired
            self._iterator = None
            return True
        records = page.document["Records"]
        for record in records:
            self._copy.add(record)
        self._iterator = page.document.get("NextShardIterator")
        if self._iterator is None:
            self._closed = True
            self._copy.close()
        return bool(records)

    async def _open(self) -> bool:
        """Open an iterator behind the last record that was read; return false when the stream does not exist."""
        described = await self._call("DescribeStream")
        if not described.succeeded:
            return False
        self._shard_id = described.document["StreamDescription"]["Shards"][0]["ShardId"]
        opened = None
        if self._copy.last is not None:
            after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._copy.last}
            opened = await self._call("GetShardIterator", ShardId=self._shard_id, **after)
        if opened is None or not opened.succeeded:  # the last record has expired
            opened = await self._call("GetShardIterator", ShardId=self._shard_id, ShardIteratorType="TRIM_HORIZON")
        self._iterator = opened.document.get("ShardIterator")
        return self._iterator is not None

    async def _call(self, operation: str, **parameters: object) -> Answer:
        if operation != "GetRecords":
            parameters["StreamArn"] = self._arn
        return await self._inside.json(self._place, "dynamodb", f"{STREAMS}.{operation}", parameters)


def _decoded(token: str) -> dict[str, Any] | None:
    try:
        found = json_object(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        return None
    return found if found.keys() == {"arn", "s", "p", "e", "i"} else None


def _says(answer: Answer, text: str) -> bool:
    """Return whether an answer is the error with this text."""
    document = answer.document
    return not answer.succeeded and text in str(document.get("message") or document.get("Message"))


def _place(arn: str) -> Place:
    region, account_id = arn.split(":")[3:5] if arn.count(":") > 4 else ("", "")
    return Place(account_id, region)


def _milliseconds(label: str) -> int:
    """Return the time of a stream's label, which ends its ARN, in epoch milliseconds; 0 when it is none."""
    try:
        return int(datetime.fromisoformat(label).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0
