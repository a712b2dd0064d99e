"""The readers of streams on the shards that AWS answers: four at first, open and closed ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.facts import TableFacts
from pipectl.failures.model import Record
from pipectl.failures.stream_reader import Shard, StreamReader, shards_of
from tests.faults.faulty_aws import error
from tests.recorded.cases import example, template
from tests.support import ACCOUNT, REGION, FakeClock

ARN = example(template("dynamodbstreams", "DescribeStream"))["StreamDescription"]["StreamArn"]
TABLE = ARN.partition("/stream/")[0]
OLD = f"{TABLE}/stream/2026-02-28T23:59:59.640"
FACTS = TableFacts(TABLE, ARN, example(template("dynamodb", "DescribeTable"))["Table"]["CreationDateTime"])
NUMBER = example(template("dynamodbstreams", "GetRecords"))["Records"][0]["dynamodb"]["SequenceNumber"]
Answer = Callable[[Mapping[str, Any]], Any]


def aws(**answers: Answer) -> Aws:
    """Return clients of streams that answer as AWS does; ``answers`` replace the answers to single calls."""

    def attempt(call: Call, params: Any, send: Callable[[], Any]) -> Any:
        del send
        if call.operation in answers:
            return answers[call.operation](params)
        return copy.deepcopy(example(template(call.service, call.operation)))

    return Aws(REGION, credentials=Credentials(ACCOUNT, "test"), clock=FakeClock(), attempt=attempt)


def test_a_new_stream_has_four_shards_without_parents() -> None:
    shards = shards_of(aws(), "orders", FACTS)
    assert [shard.parent for shard in shards] == [None] * 4
    assert len({shard.shard_id for shard in shards}) == 4


def test_a_closed_shard_ends_without_an_iterator() -> None:
    def closed(_: Mapping[str, Any]) -> Any:
        page = copy.deepcopy(example(template("dynamodbstreams", "GetRecords")))
        del page["NextShardIterator"]
        return page

    *records, end = StreamReader(aws(GetRecords=closed), Shard(ARN, "shardId-00000001772359201488-1b2c3d4e")).read()
    assert [record.number.text for record in records if isinstance(record, Record)] == [NUMBER]
    assert end.complete  # type: ignore[union-attr]


def test_a_record_becomes_the_event_that_lambda_sends() -> None:
    def once(params: Mapping[str, Any]) -> Any:
        page = copy.deepcopy(example(template("dynamodbstreams", "GetRecords")))
        return page if params["ShardIterator"].endswith("AAE=") else {"Records": [], "NextShardIterator": "next"}

    found = next(iter(StreamReader(aws(GetRecords=once), Shard(ARN, "shardId-00000001772359201488-1b2c3d4e")).read()))
    assert isinstance(found, Record)
    assert found.event["eventSourceARN"] == ARN
    change = found.event["dynamodb"]
    assert change["ApproximateCreationDateTime"] == datetime(2026, 3, 1, 10, 0, 18, tzinfo=UTC).timestamp()
    assert len(change["SequenceNumber"]) == 22
    assert "userIdentity" not in found.event


def test_a_stream_of_a_deleted_table_is_listed_and_left_out() -> None:
    def listed(_: Mapping[str, Any]) -> Any:
        of_deleted_table = {"StreamArn": OLD, "TableName": "orders", "StreamLabel": OLD.rpartition("/")[2]}
        now = example(template("dynamodbstreams", "ListStreams"))["Streams"]
        return {"Streams": [of_deleted_table, *now]}

    shards = shards_of(aws(ListStreams=listed), "orders", FACTS)
    assert {shard.stream_arn for shard in shards} == {ARN}


def test_an_earlier_stream_that_is_gone_has_no_shards() -> None:
    def absent(params: Mapping[str, Any]) -> Any:
        if params["StreamArn"] != ARN:
            raise error("ResourceNotFoundException", f"Requested resource not found: Stream: {OLD} not found")
        return copy.deepcopy(example(template("dynamodbstreams", "DescribeStream")))

    def listed(_: Mapping[str, Any]) -> Any:
        return {"Streams": [{"StreamArn": OLD}]}

    facts = TableFacts(TABLE, ARN, datetime(2026, 2, 1, tzinfo=UTC))
    assert len(shards_of(aws(DescribeStream=absent, ListStreams=listed), "orders", facts)) == 4
