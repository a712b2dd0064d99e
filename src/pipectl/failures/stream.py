"""The whole of a table's streams, shard by shard, from the oldest record there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord, event_record
from pipectl.engine.parallel import walk
from pipectl.errors import AbsentError, AwsError
from pipectl.failures.objects import written_at

PARALLEL = 8
_PAUSE_AFTER_EMPTY = 0.2
_MOST_EMPTY_PAGES = 20
_LOST_ITERATOR = ("ExpiredIteratorException", "TrimmedDataAccessException")


@dataclass(frozen=True)
class StreamShard:
    """One shard of one stream. ``parent`` is the shard that was split into it, of which there may be nothing left."""

    stream_arn: str
    shard_id: str
    parent: str | None = None


def shards_of(aws: Aws, table: str, stream_arn: str) -> list[StreamShard]:
    """Every shard of a table's streams. One that was switched off can be read for another 24 hours.

    Args:
        aws: Where the table is.
        table: Its physical name.
        stream_arn: The stream that is on.
    """
    arns = {stream_arn: None}
    request: dict[str, Any] = {"TableName": table}
    while True:
        answer = aws.streams.list_streams(**request)
        arns |= dict.fromkeys(stream["StreamArn"] for stream in answer.get("Streams", []))
        if not (last := answer.get("LastEvaluatedStreamArn")):
            return [shard for arn in arns for shard in _shards(aws, arn)]
        request["ExclusiveStartStreamArn"] = last


def read_all(
    aws: Aws,
    shards: Sequence[StreamShard],
    until: datetime,
    take: Callable[[StreamShard, EventRecord], None],
    cancel: Callable[[], None] = lambda: None,
) -> None:
    """Read shards side by side, a parent before its children.

    Args:
        aws: Where the streams are.
        shards: Of `shards_of`.
        until: Stop in a shard once a record is younger: of a busy one there is no end.
        take: Called with every record, from several threads.
        cancel: See `walk`.

    Raises:
        CancelledError: the user pressed Ctrl-C.
        AwsError: what could not be read.
    """
    nodes = {f"{shard.stream_arn}/{shard.shard_id}": shard for shard in shards}

    def parents(shard: StreamShard) -> list[str]:
        parent = f"{shard.stream_arn}/{shard.parent}"
        return [parent] if parent in nodes else []

    def read(node: str) -> None:
        for record in records_of(aws, nodes[node]):
            if written_at(record) > until:
                return
            take(nodes[node], record)

    graph = {node: parents(shard) for node, shard in nodes.items()}
    walked = walk(graph, read, cancel=cancel, workers=PARALLEL)
    walked.require_done("interrupted while reading the stream")


def records_of(aws: Aws, shard: StreamShard) -> Iterator[EventRecord]:
    """All records of a shard. An empty page is not the end, says DynamoDB; of an open shard, many in a row are."""
    last: str | None = None
    empty = 0
    try:
        iterator = _iterator(aws, shard, last)
        while iterator and empty < _MOST_EMPTY_PAGES:
            aws.clock.sleep(_PAUSE_AFTER_EMPTY if empty else 0)  # which Ctrl-C ends
            try:
                page = aws.streams.get_records(ShardIterator=iterator)
            except AwsError as error:
                if error.aws_code not in _LOST_ITERATOR:
                    raise
                empty += 1
                iterator = _iterator(aws, shard, last)
                continue
            empty = 0 if page["Records"] else empty + 1
            for raw in page["Records"]:
                last = raw["dynamodb"]["SequenceNumber"]
                yield event_record(raw, shard.stream_arn)
            iterator = page.get("NextShardIterator")
    except AbsentError:
        return  # it was forgotten since it was listed


def _shards(aws: Aws, stream_arn: str) -> Iterator[StreamShard]:
    request: dict[str, Any] = {"StreamArn": stream_arn}
    while True:
        try:
            stream = aws.streams.describe_stream(**request)["StreamDescription"]
        except AbsentError:
            return
        for shard in stream.get("Shards", []):
            yield StreamShard(stream_arn, shard["ShardId"], shard.get("ParentShardId"))
        if not (last := stream.get("LastEvaluatedShardId")):
            return
        request["ExclusiveStartShardId"] = last


def _iterator(aws: Aws, shard: StreamShard, after: str | None) -> str | None:
    """After a record; at the oldest there is where none was read, or where that one is forgotten meanwhile."""
    where: dict[str, Any] = {"StreamArn": shard.stream_arn, "ShardId": shard.shard_id}
    if after:
        try:
            answer = aws.streams.get_shard_iterator(
                **where, ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber=after
            )
            return answer.get("ShardIterator")
        except AwsError as error:
            if error.aws_code != "TrimmedDataAccessException":
                raise
    return aws.streams.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON").get("ShardIterator")
