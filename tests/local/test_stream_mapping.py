"""A stream mapping with several shards, on fakes: which shards are read, in which order, from where."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from pipectl.local.clients import Clients, Place, RoleSession
from pipectl.local.functions import Answer, Functions
from pipectl.local.mappings import EventSourceMapping
from pipectl.local.metrics import Metrics
from pipectl.local.stream_mapping import IDLE_SECONDS, StreamMappings
from tests.local.fake_stream import ARN, FakeStream, Shard, record, refused
from tests.local.small_pipeline import eventually
from tests.support import PATIENCE

FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:processor"


@dataclass
class FakeAws:
    """The calls of a poller: reading, invoking, sending, counting."""

    stream: FakeStream
    invoked: list[list[int]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    handler: Callable[[list[int]], Answer] = field(default=lambda _: Answer())
    endpoint_url: str = "http://127.0.0.1:1"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of_role(self, service: str, region: str, session: RoleSession) -> Any:
        return self.stream if service == "dynamodbstreams" else self

    def send_message(self, **message: str) -> None:
        self.sent.append(message["MessageBody"])

    def session(self, place: Place, function_arn: str) -> RoleSession:
        return RoleSession("ASIATEST", "secret", "token")

    def drop_session(self, function_arn: str) -> None:
        pass

    def invoke(self, place: Place, function_arn: str, event: Mapping[str, Any]) -> Answer:
        numbers = [int(item["dynamodb"]["SequenceNumber"]) for item in event["Records"]]
        with self.lock:
            self.invoked.append(numbers)
        return self.handler(numbers)

    def of_function(self, *_: object) -> None:
        pass

    @property
    def records(self) -> list[int]:
        return [number for numbers in self.invoked for number in numbers]


def mapping(**settings: object) -> EventSourceMapping:
    description = {
        "UUID": "d8854f34",
        "EventSourceArn": ARN,
        "FunctionArn": FUNCTION_ARN,
        "State": "Enabled",
        "StartingPosition": "TRIM_HORIZON",
    }
    return EventSourceMapping(Place("000000000000", "us-east-1"), description | settings)


Work = Callable[[FakeAws, EventSourceMapping], None]


@pytest.fixture
def work() -> Iterator[Work]:
    """Work on a mapping in a thread that ends with the test."""
    started: list[tuple[EventSourceMapping, threading.Thread]] = []

    def start(aws: FakeAws, worked_on: EventSourceMapping) -> None:
        shared = StreamMappings(cast(Clients, aws), cast(Functions, aws), cast(Metrics, aws))
        thread = threading.Thread(target=shared.work, args=(worked_on,), daemon=True)
        started.append((worked_on, thread))
        thread.start()

    yield start
    for worked_on, thread in started:
        worked_on.delete()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def records(*numbers: int) -> list[dict[str, Any]]:
    return [record(number) for number in numbers]


def test_every_shard_is_read(work: Work) -> None:
    shards = {f"shard-{n}": Shard(records(n * 10, n * 10 + 1)) for n in range(1, 5)}
    aws = FakeAws(FakeStream(shards))
    work(aws, mapping())
    assert eventually(lambda: len(aws.records) == 8)
    assert sorted(aws.records) == [10, 11, 20, 21, 30, 31, 40, 41]


def test_a_slow_shard_does_not_delay_the_others(work: Work) -> None:
    release = threading.Event()

    def handler(numbers: list[int]) -> Answer:
        if 10 in numbers:
            release.wait(PATIENCE)
        return Answer()

    aws = FakeAws(FakeStream({"shard-1": Shard(records(10)), "shard-2": Shard(records(20))}), handler=handler)
    worked_on = mapping()
    work(aws, worked_on)
    assert eventually(lambda: 20 in aws.records and 10 in aws.records)
    aws.stream.shards["shard-2"].records += records(21)
    worked_on.changed.set()
    assert eventually(lambda: 21 in aws.records)
    release.set()


def test_children_are_read_after_their_parent(work: Work) -> None:
    release = threading.Event()

    def handler(numbers: list[int]) -> Answer:
        if 10 in numbers:
            release.wait(PATIENCE)
        return Answer()

    shards = {
        "shard-1": Shard(records(10, 11), open=False),
        "shard-2": Shard(records(20), parent="shard-1"),
        "shard-3": Shard(records(30), parent="shard-1"),
        "shard-4": Shard(records(40), parent="no longer described"),
    }
    aws = FakeAws(FakeStream(shards), handler=handler)
    work(aws, mapping())
    assert eventually(lambda: 40 in aws.records and 10 in aws.records)
    assert not {20, 30} & set(aws.records)
    release.set()
    assert eventually(lambda: {20, 30} <= set(aws.records))


def test_children_of_a_shard_that_began_at_latest_are_read_from_their_beginning(work: Work) -> None:
    aws = FakeAws(FakeStream({"shard-1": Shard(records(10))}))
    worked_on = mapping(StartingPosition="LATEST")
    work(aws, worked_on)
    assert eventually(lambda: "GetRecords" in aws.stream.calls)
    aws.stream.shards |= {"shard-2": Shard(records(20), parent="shard-1")}
    aws.stream.shards["shard-1"].open = False
    worked_on.changed.set()
    assert eventually(lambda: aws.records) == [20]


def test_a_disabled_mapping_continues_where_it_stopped(work: Work) -> None:
    aws = FakeAws(FakeStream({"shard-1": Shard(records(1, 2))}))
    worked_on = mapping()
    work(aws, worked_on)
    assert eventually(lambda: aws.records == [1, 2])
    worked_on.replace({**worked_on.description, "State": "Disabled"})
    aws.stream.shards["shard-1"].records += records(3)
    worked_on.replace({**worked_on.description, "State": "Enabled"})
    assert eventually(lambda: aws.records == [1, 2, 3])


def test_records_before_a_failed_one_are_not_invoked_again(work: Work) -> None:
    def handler(numbers: list[int]) -> Answer:
        return Answer(raised=True) if 2 in numbers else Answer()

    aws = FakeAws(FakeStream({"shard-1": Shard(records(1, 2, 3))}), handler=handler)
    destination = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:failures"}}
    settings = {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": True, "DestinationConfig": destination}
    work(aws, mapping(**settings))
    assert eventually(lambda: aws.invoked == [[1, 2, 3], [1], [2, 3], [2], [3]])
    assert len(aws.sent) == 1


def test_a_stream_that_cannot_be_read_is_reported_and_read_later(work: Work) -> None:
    aws = FakeAws(FakeStream({"shard-1": Shard(records(1))}, errors=[refused("AccessDeniedException")] * 2))
    worked_on = mapping()
    work(aws, worked_on)
    assert eventually(lambda: (worked_on.last_result or "").startswith("PROBLEM: Cannot access stream"))
    assert eventually(lambda: aws.records == [1])
    assert eventually(lambda: worked_on.last_result == "OK")


def test_a_record_that_cannot_be_processed_is_tried_again(work: Work) -> None:
    broken = [ValueError("a bug")]

    def handler(_: list[int]) -> Answer:
        if broken:
            raise broken.pop()
        return Answer()

    aws = FakeAws(FakeStream({"shard-1": Shard(records(1))}), handler=handler)
    work(aws, mapping())
    assert eventually(lambda: aws.records == [1, 1])


def test_permissions_are_checked_again_when_policies_change(work: Work) -> None:
    aws = FakeAws(FakeStream({"shard-1": Shard(records(1))}))
    worked_on = mapping()
    work(aws, worked_on)
    assert eventually(lambda: aws.records == [1])
    aws.stream.calls.clear()
    worked_on.policies += 1
    worked_on.changed.set()
    assert eventually(lambda: {"DescribeStream", "GetShardIterator"} <= set(aws.stream.calls))
    assert aws.records == [1]


def test_an_idle_mapping_makes_few_calls(work: Work) -> None:
    aws = FakeAws(FakeStream({"shard-1": Shard()}))
    work(aws, mapping())
    first, second, third = eventually(lambda: aws.stream.reads[:3], lambda reads: len(reads) == 3)
    assert second - first > 0.9 * IDLE_SECONDS[0]
    assert third - second > 1.8 * IDLE_SECONDS[0]
