"""Streams of several shards in front of a stream of one shard, on a fake of MiniStack."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from pipectl.local.clients import Place
from pipectl.local.fronts import Answer, Inside
from pipectl.local.harshness import KIND, Harshness
from pipectl.local.requests import Request
from pipectl.local.stream_front import STREAMS, StreamFront
from tests.local.test_shards import ARN, key_in, record

PLACE = Place("000000000000", "us-east-1")
DENIED = Answer(400, [], b'{"__type": "AccessDeniedException", "message": "not authorized"}')


@dataclass
class FakeMiniStack:
    """A stream of one shard. It answers shards and iterators of others as MiniStack does."""

    records: list[dict[str, Any]] = field(default_factory=list)
    open: bool = True
    denies: bool = False
    page: int = 3

    async def json(self, place: Place, service: str, target: str, parameters: Mapping[str, Any]) -> Answer:
        assert (place, service) == (PLACE, "dynamodb")
        return self.answer(target.removeprefix(f"{STREAMS}."), parameters)

    async def account_of(self, access_key: str, region: str) -> str:
        return PLACE.account_id

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        if self.denies:
            return DENIED
        if operation == "ListStreams":
            streams = [{"StreamArn": ARN, "TableName": "orders", "StreamLabel": "label"}] if self.open else []
            return _success({"Streams": streams})
        if operation == "DescribeStream":
            description = {"StreamArn": ARN, "StreamStatus": "ENABLED" if self.open else "DISABLED"}
            return _success({"StreamDescription": description | {"Shards": [{"ShardId": "only"}]}})
        if operation == "GetShardIterator":
            return self._iterator(parameters)
        if operation == "GetRecords":
            return self._records(str(parameters["ShardIterator"]), parameters["Limit"])
        return _success({"TableDescription": {"LatestStreamArn": ARN, "TableStatus": "DELETING"}})

    def _iterator(self, parameters: Mapping[str, Any]) -> Answer:
        if parameters["ShardId"] != "only":
            return _failure("ResourceNotFoundException", "Requested resource not found: Shard does not exist")
        numbers = [each["dynamodb"]["SequenceNumber"] for each in self.records]
        after = numbers.index(parameters["SequenceNumber"]) + 1 if "SequenceNumber" in parameters else 0
        return _success({"ShardIterator": str(after)})

    def _records(self, iterator: str, limit: int) -> Answer:
        if iterator == "expired":
            return _failure("ExpiredIteratorException", "expired")
        if not iterator.isdecimal():
            return _failure("ValidationException", "ShardIterator is not valid")
        first = int(iterator)
        found = self.records[first : first + min(limit, self.page)]
        end = first + len(found)
        more = {"NextShardIterator": str(end)} if self.open or end < len(self.records) else {}
        return _success({"Records": found, **more})


def _success(document: Mapping[str, Any]) -> Answer:
    return Answer(200, [], json.dumps(document).encode())


def _failure(code: str, message: str) -> Answer:
    return Answer(400, [(b"x-amzn-errortype", code.encode())], json.dumps({"message": message}).encode())


class Client:
    """Calls a front as its gateway does."""

    def __init__(self, ministack: FakeMiniStack, harshness: Harshness = KIND) -> None:
        self.ministack = ministack
        self.front = StreamFront(cast(Inside, ministack), harshness)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        target = f"DynamoDB_20120810.{operation}" if operation == "DeleteTable" else f"{STREAMS}.{operation}"
        scope = "Credential=000000000000/20260101/us-east-1/dynamodb/aws4_request"
        headers = {"x-amz-target": target, "authorization": f"AWS4-HMAC-SHA256 {scope}"}
        request = Request("POST", "/", "/", "", headers, json.dumps(parameters).encode())
        assert self.front.serves(request)

        async def forward() -> Answer:
            return self.ministack.answer(operation, parameters | {"Limit": parameters.get("Limit", 1000)})

        answer = asyncio.run(self.front.serve(request, forward))
        code = dict(answer.headers).get(b"x-amzn-errortype", b"AccessDeniedException").decode()
        return answer.document if answer.succeeded else {"code": code}

    def shards(self, **parameters: Any) -> list[dict[str, Any]]:
        described = self.call("DescribeStream", StreamArn=ARN, **parameters)["StreamDescription"]
        found: list[dict[str, Any]] = described["Shards"]
        return found

    def iterator(self, shard: str, kind: str = "TRIM_HORIZON", **more: str) -> dict[str, Any]:
        return self.call("GetShardIterator", StreamArn=ARN, ShardId=shard, ShardIteratorType=kind, **more)

    def read(self, shard: str, limit: int = 1000, pages: int = 100) -> tuple[list[int], list[int]]:
        """Return the numbers of the records of a shard, and the sizes of its pages."""
        iterator: str | None = self.iterator(shard)["ShardIterator"]
        read: list[int] = []
        sizes: list[int] = []
        while iterator and len(sizes) < pages:
            page = self.call("GetRecords", ShardIterator=iterator, Limit=limit)
            read += [int(each["dynamodb"]["SequenceNumber"]) % 10**10 for each in page["Records"]]
            sizes.append(len(page["Records"]))
            iterator = page.get("NextShardIterator")
        return read, sizes


def written(*slots: int) -> list[dict[str, Any]]:
    return [record(number, key_in(slot)) for number, slot in enumerate(slots, 1)]


def test_records_are_spread_over_the_shards_and_read_in_pages() -> None:
    client = Client(FakeMiniStack(written(0, 1, 0, 3, 0)))
    ids = [shard["ShardId"] for shard in client.shards()]
    assert [client.read(shard, limit=2, pages=3)[0] for shard in ids] == [[1, 3, 5], [2], [], [4]]
    client.ministack.records += written(0, 1, 0, 3, 0, 2)[5:]
    assert client.read(ids[2], pages=1) == ([6], [1])


def test_an_open_shard_answers_an_iterator_with_an_empty_page_and_a_closed_one_none_at_its_end() -> None:
    client = Client(FakeMiniStack(written(0, 0, 0)))
    full, empty = (shard["ShardId"] for shard in client.shards()[:2])
    assert client.read(full, pages=3)[1] == [3, 0, 0]
    client.ministack.open = False
    assert client.read(full, limit=2)[1] == [2, 1]
    assert client.read(empty)[1] == [0]
    assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in client.shards())


def test_shards_are_described_in_pages_and_by_their_parent() -> None:
    client = Client(FakeMiniStack(written(0, 0, 0)), Harshness(roll_after=2))
    everything = client.shards()
    assert len(everything) == 8
    first = client.call("DescribeStream", StreamArn=ARN, Limit=5)["StreamDescription"]
    assert first["LastEvaluatedShardId"] == everything[4]["ShardId"]
    assert client.shards(ExclusiveStartShardId=first["LastEvaluatedShardId"]) == everything[5:]
    parent = everything[1]["ShardId"]
    children = client.shards(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent})
    assert [child["ParentShardId"] for child in children] == [parent]


def test_a_shard_that_is_closed_in_the_middle_of_a_reading_ends_it() -> None:
    client = Client(FakeMiniStack(written(0, 0)), Harshness(roll_after=3))
    [shard, *_] = client.shards()
    iterator = client.iterator(shard["ShardId"])["ShardIterator"]
    page = client.call("GetRecords", ShardIterator=iterator)
    assert len(page["Records"]) == 2
    client.ministack.records = written(0, 0, 0, 0, 0)
    page = client.call("GetRecords", ShardIterator=page["NextShardIterator"])
    assert len(page["Records"]) == 1
    assert "NextShardIterator" not in page
    [child] = [each for each in client.shards() if each.get("ParentShardId") == shard["ShardId"]]
    assert client.read(child["ShardId"], pages=2)[0] == [4, 5]


def test_empty_pages_come_before_records_and_no_record_is_skipped() -> None:
    client = Client(FakeMiniStack(written(*[0] * 12), open=False), Harshness(empty_pages=60))
    read, sizes = client.read(client.shards()[0]["ShardId"], limit=1, pages=1000)
    assert read == list(range(1, 13))
    assert 12 < len(sizes) < 12 * 61
    assert sizes[-1] == 1


@pytest.mark.parametrize(
    ("kind", "number", "read"),
    [("AT_SEQUENCE_NUMBER", 2, [2, 3]), ("AFTER_SEQUENCE_NUMBER", 2, [3]), ("LATEST", None, [])],
)
def test_an_iterator_begins_at_its_place(kind: str, number: int | None, read: list[int]) -> None:
    client = Client(FakeMiniStack(written(0, 0, 0)))
    more = {"SequenceNumber": record(number)["dynamodb"]["SequenceNumber"]} if number else {}
    iterator = client.iterator(client.shards()[0]["ShardId"], kind, **more)["ShardIterator"]
    page = client.call("GetRecords", ShardIterator=iterator)
    assert [int(each["dynamodb"]["SequenceNumber"]) % 10**10 for each in page["Records"]] == read


def test_shards_and_numbers_that_do_not_exist_are_refused() -> None:
    client = Client(FakeMiniStack(written(0)))
    [shard, *_] = client.shards()
    assert client.iterator("only-here")["code"] == "ResourceNotFoundException"
    absent = client.iterator(shard["ShardId"], "AT_SEQUENCE_NUMBER", SequenceNumber="7")
    assert absent["code"] == "TrimmedDataAccessException"
    token = json.dumps({"arn": ARN, "s": shard["ShardId"], "p": 0, "e": 0, "i": 0.0}).encode()
    old = client.call("GetRecords", ShardIterator=base64.urlsafe_b64encode(token).decode())
    assert old["code"] == "ExpiredIteratorException"
    assert client.call("GetRecords", ShardIterator="invalid")["code"] == "ValidationException"


def test_a_caller_who_may_not_read_gets_the_refusal() -> None:
    client = Client(FakeMiniStack(written(0)))
    iterator = client.iterator(client.shards()[0]["ShardId"])["ShardIterator"]
    client.ministack.denies = True
    denied = {"code": "AccessDeniedException"}
    assert client.call("GetRecords", ShardIterator=iterator) == denied
    assert client.iterator("shard") == denied
    assert client.call("DescribeStream", StreamArn=ARN) == denied
    assert client.call("ListStreams") == denied


def test_the_stream_of_a_deleted_table_is_still_listed() -> None:
    client = Client(FakeMiniStack(written(0)))
    listed = client.call("ListStreams")["Streams"]
    client.call("DeleteTable", TableName="orders")
    client.ministack.open = False
    assert [stream["StreamArn"] for stream in client.call("ListStreams")["Streams"]] == [listed[0]["StreamArn"]]
    assert client.call("ListStreams", TableName="another")["Streams"] == []
    assert client.call("ListStreams", ExclusiveStartStreamArn=ARN)["Streams"] == []
