"""The AWS calls that Lambda makes in the name of a function's role: reading the stream, reporting failures.

They go over HTTP to the local emulator itself, signed with the role's session, so that IAM decides about each of them
as it does on AWS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.session import Session

from pipectl.aws.stream_records import event_record

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html, invocation payload, synchronous."""
MAX_PAGE = 1000
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html, Limit."""


@dataclass(frozen=True)
class RoleCalls:
    """The calls, for one role in one region."""

    endpoint_url: str
    region: str
    access_key: str
    secret_key: str
    session_token: str

    def shard_id(self, stream_arn: str) -> str:
        """The stream's shard; the local emulator has exactly one."""
        description = self._client("dynamodbstreams").describe_stream(StreamArn=stream_arn)
        return str(description["StreamDescription"]["Shards"][0]["ShardId"])

    def read(self, stream_arn: str, shard_id: str, sequence_number: str, count: int) -> list[dict[str, Any]]:
        """Up to ``count`` records from ``sequence_number`` on, as Lambda would put them in one event."""
        streams = self._client("dynamodbstreams")
        iterator = streams.get_shard_iterator(
            StreamArn=stream_arn,
            ShardId=shard_id,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            SequenceNumber=sequence_number,
        ).get("ShardIterator")
        records: list[dict[str, Any]] = []
        size = 0
        while iterator and len(records) < count:
            page = streams.get_records(ShardIterator=iterator, Limit=min(count - len(records), MAX_PAGE))
            iterator = page.get("NextShardIterator")
            for record in page["Records"]:
                event = event_record(record, stream_arn)
                size += len(json.dumps(event))
                if records and size > MAX_PAYLOAD_BYTES:
                    return records
                records.append(dict(event))
            # A page ends early at 1 MB; only an empty one means that the stream has, for now, no more.
            if not page["Records"]:
                break
        return records

    def send(self, queue_arn: str, body: str) -> None:
        """Send a message to a queue. Its URL is put together, for the role need not be allowed ``GetQueueUrl``."""
        account_id, name = queue_arn.split(":")[4:6]
        self._client("sqs").send_message(QueueUrl=f"{self.endpoint_url}/{account_id}/{name}", MessageBody=body)

    def _client(self, service: str) -> Any:
        return _client(service, self)


@lru_cache(maxsize=64)
def _client(service: str, role: RoleCalls) -> Any:
    return _session().create_client(
        service,
        endpoint_url=role.endpoint_url,
        region_name=role.region,
        aws_access_key_id=role.access_key,
        aws_secret_access_key=role.secret_key,
        aws_session_token=role.session_token,
        config=Config(
            proxies={}, connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3, "mode": "standard"}
        ),
    )


@lru_cache(maxsize=1)
def _session() -> Session:
    return Session()
