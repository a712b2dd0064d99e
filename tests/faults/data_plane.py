"""The data plane of a pipeline as AWS has it: stream, mapping, processor, queue, auditor and metrics, on one clock.

moto answers all calls but those of the stream, the metrics and Invoke; of mappings, functions and queues the answers
are changed to what AWS shows. Before each call all that happened since the last one is made up for.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from moto.awslambda import lambda_backends
from moto.dynamodb import dynamodb_backends
from moto.s3 import s3_backends
from moto.sqs import sqs_backends

from pipectl.aws.calls import Call
from pipectl.aws.client import Aws, Credentials
from pipectl.aws.queue_records import queue_record
from pipectl.aws.stream_records import event_record
from pipectl.config.physical import PhysicalNames
from pipectl.policy_document import document
from pipectl.resource_keys import ResourceKey
from pipectl.timestamps import parse_timestamp
from tests.commands.existing_pipeline import existing
from tests.faults.faulty_aws import error
from tests.faults.metrics import LateMetrics
from tests.faults.stream_records import new_record, on_failure_message
from tests.faults.streams import Stream, StreamApi
from tests.lambda_src.fakes import client_error
from tests.lambda_src.loading import load
from tests.support import ACCOUNT, REGION, FakeClock, World

POLLING_STARTS = {"CreateEventSourceMapping": timedelta(seconds=150), "UpdateEventSourceMapping": timedelta(seconds=72)}
"""Time between a change of a mapping and its first read: minutes after a creation, up to 90 seconds after an update."""
READ_AFTER = timedelta(seconds=1)
RETRIES_TAKE = timedelta(seconds=30)
COUNTS_LAG = timedelta(seconds=60)
_handler = cache(load)


class DataPlane:
    """The work of a pipeline beside the calls of pipectl.

    Args:
        world: The pipeline, as pipectl sees it.
        seed: Decides empty pages, sizes of pages, and the delays of metrics.
        empty_pages: The greatest number of empty pages in a row.

    Attributes:
        poison: Orders that the processor cannot process.
        throttled: Lambda throttles the processor: the mapping reads nothing.
        auditor_works: The queue mapping reads the queue.
        tags_are_hidden: The caller lacks lambda:ListTags on functions.
        at_page: Called with the number of each page of the stream that is read.
    """

    def __init__(self, world: World, seed: int, empty_pages: int) -> None:
        self.clock = world.aws.clock
        self.poison: set[str] = set()
        self.throttled = False
        self.auditor_works = True
        self.tags_are_hidden = False
        self.at_page: Callable[[int], None] = lambda _: None
        self.invoked: list[list[str]] = []
        self.streams: dict[str, Stream] = {}
        self.metrics = LateMetrics(seed)
        self._api = StreamApi(self.streams, seed, empty_pages)
        self._world = world
        self._names: PhysicalNames = world.context().pipeline.physical
        self._direct = _direct()
        self._lock = threading.RLock()
        self._positions: dict[tuple[str, str], int] = {}
        self._changed: dict[str, datetime] = {}
        self._polls_from: dict[str, datetime] = {}
        self._results: dict[str, str] = {}
        self._throttled_until = self._now()
        self._counts: list[tuple[datetime, int]] = []
        self._numbers = 10**20
        for uuid in _lambda()._event_source_mappings:
            self._changed[uuid] = self._polls_from[uuid] = self._now()
        self._policy = json.dumps(document(world.context().resources[ResourceKey.BUCKET].desired({})["policy"]))
        world.aws.attempt = self.attempt

    # what a test arranges

    def order(self, *orders: str) -> None:
        """Write orders now, a second apart."""
        names = self._names
        for order in orders:
            image = {"orderId": {"S": order}, "amount": {"N": "12"}}
            self._direct.dynamodb.put_item(TableName=names.orders_table, Item=image)
            self._numbers += 1009
            record = new_record(image, str(self._numbers), self._now())
            self.stream.shard_of(order).records.append(record)
            self.metrics.add("SuccessfulRequestLatency", [names.orders_table, "PutItem"], self._now(), 4.2)
            self.clock.sleep(1)

    def wait(self, **duration: float) -> None:
        """Let time pass; the pipeline works meanwhile."""
        self.clock.sleep(timedelta(**duration).total_seconds())
        self._catch_up()

    @property
    def stream(self) -> Stream:
        """The stream that is on."""
        self._refresh_streams()
        return next(each for each in self.streams.values() if each.enabled)

    @property
    def objects(self) -> set[str]:
        """The orders that are stored."""
        self._catch_up()
        keys = s3_backends[ACCOUNT]["aws"].buckets[self._names.bucket].keys.values()
        bodies = [json.loads(key.value) for key in keys if key.name.startswith("processed-data/")]
        return {body["keys"]["orderId"] for body in bodies}

    @property
    def audited(self) -> list[dict[str, Any]]:
        self._catch_up()
        items: list[dict[str, Any]] = self._direct.dynamodb.scan(TableName=self._names.audit_table)["Items"]
        return items

    def lose(self, order: str) -> None:
        """Remove the object of an order."""
        keys = s3_backends[ACCOUNT]["aws"].buckets[self._names.bucket].keys
        for key in [key.name for key in keys.values() if f'"{order}"'.encode() in key.value]:
            keys.pop(key)

    # the calls

    def attempt(self, call: Call, params: Any, send: Callable[[], Any]) -> Any:
        with self._lock:
            self._catch_up()
            match call.service, call.operation:
                case "dynamodbstreams", _:
                    return self._stream_call(call.operation, params)
                case "cloudwatch", "GetMetricData":
                    return self.metrics.answer(params, self._now())
                case "lambda", "Invoke":
                    return self._invoke(params)
                case "s3", "GetBucketPolicy" if self._policy:
                    return {"Policy": self._policy}
            answer = send()
            self._after(call, params, answer)
            return self._as_aws(call, params, answer)

    def _stream_call(self, operation: str, params: Mapping[str, Any]) -> Any:
        self._refresh_streams()
        if operation == "ListStreams":
            table = params["TableName"]
            listed = [each for each in self.streams.values() if f":table/{table}/" in each.arn]
            return {
                "Streams": [
                    {"StreamArn": each.arn, "TableName": table, "StreamLabel": each.arn.rpartition("/")[2]}
                    for each in listed
                ]
            }
        if operation == "GetRecords":
            self.at_page(self._api.pages + 1)
            return self._api.records(params["ShardIterator"], self._now())
        if operation == "GetShardIterator":
            return self._api.iterator(params, self._now())
        if params["StreamArn"] not in self.streams:
            raise error("ResourceNotFoundException", "Requested resource not found: Stream not found")
        described = self.streams[params["StreamArn"]].describe(self._names.orders_table)
        if "ExclusiveStartShardId" in params:
            described["Shards"] = []
        return {"StreamDescription": described}

    def _invoke(self, params: Mapping[str, Any]) -> Any:
        if self._is_held():
            refused = error("TooManyRequestsException", "Rate Exceeded.", 429)
            refused.response["Reason"] = "ReservedFunctionConcurrentInvocationLimitExceeded"  # type: ignore[typeddict-unknown-key]
            raise refused
        event = json.loads(params["Payload"])
        audits = self._names.auditor in params["FunctionName"]
        try:
            answer = self._audit(event["Records"]) if audits else self._process(event, self._now())
        except Exception as failed:  # noqa: BLE001 - as Lambda does
            payload = json.dumps({"errorType": type(failed).__name__, "errorMessage": str(failed)}).encode()
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(payload)}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}

    def _after(self, call: Call, params: Mapping[str, Any], answer: Any) -> None:
        """Note what a call changed."""
        if call.operation in POLLING_STARTS:
            self._changed[answer["UUID"]] = self._now()
            self._polls_from[answer["UUID"]] = self._now() + POLLING_STARTS[call.operation]
            _without_triggers(self._names)
        if call.operation == "PutBucketPolicy":  # moto heeds no condition: it takes every call for plain HTTP
            self._policy = params["Policy"]
            s3_backends[ACCOUNT]["aws"].buckets[params["Bucket"]].policy = None
        if call.operation == "DeleteBucketPolicy" or call.operation == "DeleteBucket":
            self._policy = ""
        if call.service == "sqs":
            self._count()

    def _as_aws(self, call: Call, params: Mapping[str, Any], answer: Any) -> Any:
        if call.operation == "ListEventSourceMappings":
            answer["EventSourceMappings"] = [self._shown(each) for each in answer["EventSourceMappings"]]
        elif call.operation == "GetEventSourceMapping":
            answer = self._shown(answer)
        elif call.operation == "GetFunction" and self.tags_are_hidden:
            answer.pop("Tags", None)
            arn = answer["Configuration"]["FunctionArn"]
            text = f"User: ada is not authorized to perform: lambda:ListTags on resource: {arn}"
            answer["TagsError"] = {"ErrorCode": "AccessDeniedException", "Message": text}
        elif call.operation == "ReceiveMessage":
            for message in answer.get("Messages", []):
                _sent_on_this_clock(message)
        elif call.operation == "GetQueueAttributes":
            self._show_old_counts(answer.get("Attributes", {}))
        return answer

    def _shown(self, mapping: dict[str, Any]) -> dict[str, Any]:
        """Return a mapping as AWS shows it: only one of a stream reports a result, and that of the last batch."""
        mapping["LastModified"] = self._changed[mapping["UUID"]]
        mapping.pop("LastProcessingResult", None)
        if ":dynamodb:" in mapping["EventSourceArn"]:
            mapping["LastProcessingResult"] = self._results.get(mapping["UUID"], "No records processed")
        return mapping

    def _show_old_counts(self, attributes: dict[str, str]) -> None:
        before = self._now() - COUNTS_LAG
        known = [count for time, count in self._counts if time <= before]
        if "ApproximateNumberOfMessages" in attributes:
            attributes["ApproximateNumberOfMessages"] = str(known[-1] if known else 0)
        if "ApproximateNumberOfMessagesNotVisible" in attributes:
            attributes["ApproximateNumberOfMessagesNotVisible"] = "0"

    # what happens meanwhile

    def _catch_up(self) -> None:
        with self._lock:
            self._refresh_streams()
            now = self._now()
            if self._is_held():
                for minute in range(int((now - self._throttled_until).total_seconds() // 60)):
                    at = self._throttled_until + timedelta(minutes=minute)
                    self.metrics.add("Throttles", [self._names.processor], at, 20)
                self._throttled_until = now
                return
            for uuid, mapping in list(_lambda()._event_source_mappings.items()):
                if mapping.enabled and mapping.event_source_arn in self.streams:
                    self._poll(uuid, mapping, now)
            if self.auditor_works:
                self._audit_queue()

    def _is_held(self) -> bool:
        function = _lambda()._lambdas._functions.get(self._names.processor)
        reserved = function["latest"].reserved_concurrency if function else None
        return self.throttled or reserved in (0, "0")

    def _poll(self, uuid: str, mapping: Any, now: datetime) -> None:
        starts = max(self._polls_from[uuid], self._throttled_until)
        for shard in self.streams[mapping.event_source_arn].shards.values():
            position = self._positions.get((uuid, shard.shard_id), 0)
            for record in shard.records[position:]:
                written = record["dynamodb"]["ApproximateCreationDateTime"]
                at = max(written + READ_AFTER, starts)
                if at > now:
                    break
                self._positions[uuid, shard.shard_id] = position = position + 1
                self._deliver(uuid, mapping, shard.shard_id, record, at)

    def _deliver(self, uuid: str, mapping: Any, shard: str, record: Any, at: datetime) -> None:
        age = at - record["dynamodb"]["ApproximateCreationDateTime"]
        limit, processor = mapping.max_record_age or -1, self._names.processor
        if limit > 0 and age > timedelta(seconds=limit):
            self._send_failure(mapping, shard, record, at, "RecordAgeExceeded")
            return
        self.metrics.add("IteratorAge", [processor], at, age.total_seconds() * 1000)
        self.metrics.add("Invocations", [processor], at, 1)
        try:
            self._process({"Records": [event_record(record, mapping.event_source_arn)]}, at)
        except Exception:  # noqa: BLE001 - as Lambda does
            self.metrics.add("Invocations", [processor], at, 3)
            self.metrics.add("Errors", [processor], at, 4)
            self._results[uuid] = "PROBLEM: Function call failed"
            self._send_failure(mapping, shard, record, at + RETRIES_TAKE, "RetryAttemptsExhausted")
        else:
            self._results[uuid] = "OK"

    def _process(self, event: dict[str, Any], at: datetime) -> Any:
        del at
        bucket = self._world.config.bucket
        self.invoked.append([record["dynamodb"]["Keys"]["orderId"]["S"] for record in event["Records"]])
        for record in event["Records"]:
            if record["dynamodb"]["Keys"]["orderId"]["S"] in self.poison:
                record["dynamodb"]["NewImage"]["amount"] = {"S": "twelve"}
        s3 = SimpleNamespace(put_object=_put_object)
        processor = _handler("processor").Processor(
            s3, self._names.bucket, bucket.prefix, bucket.failed_prefix, sleep=lambda _: None
        )
        return processor.process(event, SimpleNamespace(function_name=self._names.processor, aws_request_id="r"))

    def _send_failure(self, mapping: Any, shard: str, record: Any, at: datetime, condition: str) -> None:
        body = on_failure_message(mapping.event_source_arn, mapping.function_arn, shard, record, at, condition)
        url = self._direct.sqs.get_queue_url(QueueName=self._names.queue)["QueueUrl"]
        self._direct.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
        self._count()

    def _audit_queue(self) -> None:
        if not _messages(self._names.queue):
            return
        url = self._direct.sqs.get_queue_url(QueueName=self._names.queue)["QueueUrl"]
        answer = self._direct.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
        )
        messages = answer.get("Messages", [])
        for message in messages:
            _sent_on_this_clock(message)
        self._audit([queue_record(message, f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", REGION) for message in messages])
        for message in messages:
            self._direct.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self._count()

    def _audit(self, records: list[Any]) -> Any:
        auditor = _handler("auditor").Auditor(self._direct.dynamodb, self._names.audit_table)
        return auditor.audit({"Records": records}, SimpleNamespace(aws_request_id="r"))

    # helpers

    def _now(self) -> datetime:
        return self.clock.now()

    def _count(self) -> None:
        self._counts.append((self._now(), len(_messages(self._names.queue))))

    def _refresh_streams(self) -> None:
        """Know the stream of the orders table; switch off those of tables that are deleted or have another one."""
        table = dynamodb_backends[ACCOUNT][REGION].tables.get(self._names.orders_table)
        arn = None
        if table and table.latest_stream_label:
            arn = f"{table.table_arn}/stream/{table.latest_stream_label}"
            self.streams.setdefault(arn, Stream(arn))
        for each in self.streams.values():
            if each.arn != arn and each.enabled:
                each.switch_off()


@contextmanager
def live_pipeline(folder: Path, seed: int = 1, empty_pages: int = 3) -> Iterator[tuple[World, DataPlane]]:
    """Yield a pipeline that was up for an hour, and its data plane."""
    clock = FakeClock()
    clock.started = datetime.now(UTC)
    with existing(folder, clock) as world:
        plane = DataPlane(world, seed, empty_pages)
        plane.wait(hours=1)
        yield world, plane


@cache
def _direct() -> Aws:
    """Return clients without faults. Creating them takes longer than a test, so all tests share them."""
    return Aws(REGION, credentials=Credentials(ACCOUNT, "test"))


def _lambda() -> Any:
    return lambda_backends[ACCOUNT][REGION]


def _messages(queue: str) -> list[Any]:
    found = sqs_backends[ACCOUNT][REGION].queues.get(queue)
    return list(found._messages) if found else []


def _sent_on_this_clock(message: Any) -> None:
    """Set the time when a message was sent: moto has the time of this machine."""
    if sent := parse_timestamp(json.loads(message["Body"]).get("timestamp")):
        message["Attributes"]["SentTimestamp"] = str(int(sent.timestamp() * 1000))


def _without_triggers(names: PhysicalNames) -> None:
    """Keep moto from invoking functions itself."""
    if table := dynamodb_backends[ACCOUNT][REGION].tables.get(names.orders_table):
        table.lambda_event_source_mappings.clear()
    if queue := sqs_backends[ACCOUNT][REGION].queues.get(names.queue):
        queue.lambda_event_source_mappings.clear()


def _put_object(**request: Any) -> dict[str, Any]:
    """Store an object past moto's check of the bucket policy."""
    s3 = s3_backends[ACCOUNT]["aws"]
    keys = s3.buckets[request["Bucket"]].keys
    if request.get("IfNoneMatch") == "*" and request["Key"] in keys:
        raise client_error("PreconditionFailed", 412)
    s3.put_object(request["Bucket"], request["Key"], request["Body"])
    return {}
