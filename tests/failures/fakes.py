"""A small AWS in memory: a stream whose records expire, a quarantine, an audit table, a processor that can fail.

`World` is what is there. A `Process` is one run of pipectl on it: an `Aws`-shaped object whose calls are counted, and
that can be killed before or after any of them; once killed, it never gets another call through.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, cast

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import Cause, Kept
from pipectl.config.names import LIVE_ALIAS
from pipectl.errors import AbsentError, AccessDeniedError, AwsError, CancelledError
from tests.failures.expressions import Expression, InvalidTypeError
from tests.lambda_src.fakes import FakeS3, client_error
from tests.lambda_src.loading import load
from tests.support import ACCOUNT, REGION, FakeClock

TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/dev-orders-table-backend"
LABEL = "2026-01-01T00:00:00.000"
STREAM_ARN = f"{TABLE_ARN}/stream/{LABEL}"
OTHER_STREAM_ARN = STREAM_ARN.replace("dev-orders", "dev-carts")
SHARD = "shardId-00000001573689847184-864758bb"
BUCKET = f"dev-processed-data-{ACCOUNT}-backend"
AUDIT_TABLE = "dev-audit-logs-table-backend"
PROCESSOR = "dev-order-processor-lambda-backend"
LOG_GROUP = f"/aws/lambda/{PROCESSOR}"
AUDITOR = "dev-audit-processor-lambda-backend"
ITERATOR_SECONDS = 15 * 60
LARGEST_EVENT = 6_291_456
LARGEST_ITEM = 400_000
LARGEST_TRANSACTION = 4_194_304


Fault = Callable[[list[Any]], dict[str, Any] | None]
"""A function that gets the records of an invocation and can answer instead of the processor."""


class Killed(BaseException):
    """A simulated kill of the process. No `except Exception` catches it."""


def aws_error(
    code: str, service: str = "dynamodbstreams", kind: type[AwsError] = AwsError, **response: object
) -> AwsError:
    return kind(f"{service}: {code}", service=service, aws_code=code, aws_message=code, response=response)


def _invalid(message: str) -> AwsError:
    code = "ValidationException"
    return AwsError(f"dynamodb: {message}", service="dynamodb", aws_code=code, aws_message=message)


class Clock(FakeClock):
    """A clock that Ctrl-C stops, like the system clock."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = False

    def sleep(self, seconds: float) -> None:
        if self.cancelled:
            raise CancelledError("interrupted")
        super().sleep(seconds)

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Shard:
    """Records in order. ``trimmed`` of them have expired; ``empties`` empty pages come before each page."""

    records: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False
    trimmed: int = 0
    page: int = 1000
    empties: int = 0
    silent: bool = False
    """True for an open shard that answers only empty pages."""


class World:
    """An orders table with its stream, a bucket, an audit table, a queue and two functions."""

    def __init__(self, first: int = 137, step: int = 1009, digits: int = 21) -> None:
        self.clock = Clock()
        self.shards = {SHARD: Shard()}
        self.stream_exists = True
        self.lenient = False
        """True when a number that never existed counts as trimmed, as in emulators."""
        self.s3 = FakeS3()
        self.audit: dict[tuple[str, str], dict[str, Any]] = {}
        self.indexes = {"failure-type-index": "failureType", "unresolved-index": "unresolved"}
        """The indexes of the audit table, with their partition keys."""
        self.denied_indexes: set[str] = set()
        self.backfilling: set[str] = set()
        """Indexes that are still being created."""
        self.transactions: dict[str, list[dict[str, Any]]] = {}
        """The transactions that were done, by their tokens."""
        self.refuses: Callable[[str], str | None] = lambda _audit_id: None
        """Returns the code of the reason for which a transaction with an item is cancelled."""
        self.messages: list[dict[str, Any]] = []
        self.receives = 2
        """The most messages of one answer."""
        self.empty_answers: list[bool] = []
        """True for each of the next ReceiveMessage that returns nothing."""
        self.counts_lag = False
        """True when the counts of the queue are those of an empty one."""
        self.lock = threading.RLock()
        self.numbers = (f"{first + step * count:0{digits}}" for count in itertools.count())
        self.ids = itertools.count()
        self.processor, self.auditor = _handler("processor"), _handler("auditor")
        self.faults: dict[str, Fault] = {}
        self.log_events: list[dict[str, Any]] = []
        self.invoked: list[list[str]] = []
        self.overwrites: list[bool | None] = []

    # what a test arranges

    def order(
        self, *, poison: bool = False, event: str = "INSERT", shard: str = SHARD, size: int = 0, key: str = ""
    ) -> str:
        """Add a change of an order. Return its sequence number."""
        number, count = next(self.numbers), next(self.ids)
        amount = {"S": "twelve"} if poison else {"N": "12"}
        image = {
            "orderId": {"S": key or f"order-{count}"},
            "amount": amount,
            "note": {"S": "x" * size},
            "raw": {"B": b"\0\1"},
        }
        record = {
            "eventID": f"event-{count}",
            "eventName": event,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": {
                "ApproximateCreationDateTime": self.clock.started + timedelta(seconds=count),
                "Keys": {"orderId": image["orderId"]},
                "NewImage": image,
                "SequenceNumber": number,
                "SizeBytes": 100,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        }
        self.shards.setdefault(shard, Shard()).records.append(record)
        return number

    def orders(self, count: int, **how: Any) -> list[str]:
        return [self.order(**how) for _ in range(count)]

    def message(self, first: str, last: str = "", shard: str = SHARD, **changes: Any) -> dict[str, Any]:
        """Return Lambda's message for a failed range, with ``changes``. ``None`` removes a value."""
        arrived = self.clock.now().isoformat().replace("+00:00", "Z")
        message: dict[str, Any] = {
            "requestContext": {
                "requestId": "request-1",
                "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PROCESSOR}",
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": 4,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": arrived,
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": first,
                "endSequenceNumber": last or first,
                "approximateArrivalOfFirstRecord": arrived,
                "approximateArrivalOfLastRecord": arrived,
                "batchSize": 1,
                "streamArn": STREAM_ARN,
            },
        }
        for name, value in changes.items():
            where = message if name in message else message["DDBStreamBatchInfo"]
            if value is None:
                where.pop(name)
            else:
                where[name] = {**where[name], **value} if isinstance(value, dict) else value
        return message

    def give_up(self, first: str, last: str = "", **changes: Any) -> str:
        """Audit a failed range with the auditor. Return the audit item's id."""
        return self.audit_body(json.dumps(self.message(first, last, **changes)))

    def audit_body(self, body: str) -> str:
        before = set(self.audit)
        self._audit([self._as_event(self.send(body, wake=False))])
        made = set(self.audit) - before
        return made.pop()[0] if made else ""

    def send(self, body: str, *, wake: bool = True) -> dict[str, Any]:
        message = {
            "MessageId": f"message-{next(self.ids)}",
            "Body": body,
            "Attributes": {"SentTimestamp": str(int(self.clock.now().timestamp() * 1000))},
            "visible": 0.0,
        }
        if wake:
            self.messages.append(message)
        return message

    def quarantine(self, number: str, shard: str = SHARD, cause: Cause | None = None) -> str:
        """Quarantine a record like the processor, or, without a cause, like its first versions. Return the key."""
        record = next(r for r in self.shards[shard].records if r["dynamodb"]["SequenceNumber"] == number)
        key = f"failed-data/{LABEL}/{number.rjust(40, '0')}.json"
        event: Any = {**_as_event(record), "eventSourceARN": STREAM_ARN}
        self.s3.versions[key] = [Kept(event, cause).json().encode()]
        return key

    def log(self, message: str, stream: str = "stream-1", seconds: float = 0) -> None:
        """Add an event to the processor's log, some seconds after now."""
        at = round((self.clock.now().timestamp() + seconds) * 1000)
        self.log_events.append({"timestamp": at, "message": message, "logStreamName": stream})

    def log_failure(self, number: str, reason: str, **changes: Any) -> None:
        """Log a failed record like the processor."""
        keys = next(r for r in self.shards[SHARD].records if r["dynamodb"]["SequenceNumber"] == number)["dynamodb"]
        line = {"level": "ERROR", "keys": keys["Keys"], "sequenceNumber": number, "reason": reason, "requestId": "r-1"}
        self.log(json.dumps(line | changes))

    def trim(self, number: str | None = None, shard: str = SHARD) -> None:
        """Expire every record up to and including this one; all records when none is given."""
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self.shards[shard].records]
        self.shards[shard].trimmed = numbers.index(number) + 1 if number else len(numbers)

    def fix(self) -> None:
        """Replace the processor by one that accepts amounts in words."""
        self.processor = load("processor")
        vars(self.processor)["enrich"] = lambda _: {"status": "PROCESSED"}

    # what a test looks at

    def stored(self) -> set[str]:
        """Return the sequence numbers of the processed objects. Each must have one version."""
        objects = {key: body for key, body in self.s3.versions.items() if key.startswith("processed-data/")}
        assert all(len(versions) == 1 for versions in objects.values())
        return {json.loads(versions[0])["metadata"]["sequenceNumber"] for versions in objects.values()}

    def item(self, audit_id: str) -> dict[str, Any]:
        (found,) = (item for (key, _), item in self.audit.items() if key == audit_id)
        return found

    def status(self, audit_id: str) -> str:
        return str(self.item(audit_id)["replayStatus"]["S"])

    def statuses(self) -> Counter[str]:
        return Counter(item["replayStatus"]["S"] for item in self.audit.values())

    def claimed(self) -> list[str]:
        return [key for (key, _), item in self.audit.items() if "claimedBy" in item or "claimedUntil" in item]

    def failing_of(self, audit_id: str) -> dict[str, str]:
        listed = self.item(audit_id)["failingRecords"]["L"]
        return {entry["M"]["sequenceNumber"]["S"]: entry["M"]["error"]["S"] for entry in listed}

    # the functions

    def invoke(self, function: str, payload: bytes) -> dict[str, Any]:
        event = json.loads(payload)
        records = event["Records"]
        if function == PROCESSOR:
            with self.lock:
                self.invoked.append([record["dynamodb"]["SequenceNumber"] for record in records])
                self.overwrites.append(event.get("overwrite"))
        if (fault := self.faults.get(function)) and (odd := fault(records)):
            return odd
        try:
            answer = self._process(event) if function == PROCESSOR else self._audit(records)
        except Exception as error:  # noqa: BLE001 - as Lambda does
            return failed(type(error).__name__, str(error))
        return answered(answer)

    def _process(self, event: dict[str, Any]) -> Any:
        processor = self.processor.Processor(self.s3, BUCKET, sleep=lambda _: None)
        return processor.process(event, SimpleNamespace(function_name=PROCESSOR, aws_request_id="request-2"))

    def _audit(self, records: list[Any]) -> Any:
        table = SimpleNamespace(put_item=self._put_audit_item)
        return self.auditor.Auditor(table, AUDIT_TABLE).audit({"Records": records}, SimpleNamespace(aws_request_id="r"))

    def _put_audit_item(self, *, TableName: str, Item: dict[str, Any], ConditionExpression: str) -> None:  # noqa: N803
        key = (Item["auditId"]["S"], Item["timestamp"]["S"])
        with self.lock:
            if not Expression(ConditionExpression, self.audit.get(key, {}), {}, {}).condition():
                raise client_error("ConditionalCheckFailedException")
            self.audit[key] = Item

    @staticmethod
    def _as_event(message: dict[str, Any]) -> dict[str, Any]:
        return {"messageId": message["MessageId"], "body": message["Body"], "attributes": message["Attributes"]}


_handler = cache(load)


def answered(answer: Any) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}


def failed(kind: str, message: str) -> dict[str, Any]:
    payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(payload)}


def timed_out() -> dict[str, Any]:
    return failed("Sandbox.Timedout", "RequestId: 1 Error: Task timed out after 60.00 seconds")


def _as_event(record: Any) -> Any:
    """Return the record in the form of Lambda's events; written again here, independent of the tested code."""
    if isinstance(record, dict):
        return {name: _as_event(value) for name, value in record.items()}
    if isinstance(record, bytes):
        return "AAE="
    return int(record.timestamp()) if hasattr(record, "timestamp") else record


class Process:
    """A run of pipectl.

    Args:
        world: What it works on.
        kill_at: The call, counted from 1, around which it dies.
        after: It dies after that call was carried out, not before.
    """

    def __init__(self, world: World, kill_at: int = 0, *, after: bool = False, clock: Clock | None = None) -> None:
        self.world = world
        self.clock = clock or world.clock
        self.account_id, self.region, self.partition = ACCOUNT, REGION, "aws"
        self.calls: list[str] = []
        self.failures: dict[str, list[BaseException]] = {}
        self.lost_answers: dict[str, int] = {}
        self.on_call: Callable[[str, int], object] = lambda _operation, _number: None
        self.said: list[str] = []
        self.awaited: list[object] = []
        self.say, self.awaits = self.said.append, self.awaited.append
        self._kill_at, self._after, self.is_dead = kill_at, after, False
        self._lock = threading.Lock()
        self.streams = _Streams(self)
        self.s3 = _S3(self)
        self.dynamodb = _DynamoDB(self)
        self.lambda_, self.invoker = _Service(self), _Invoker(self)
        self.sqs = _Sqs(self)
        self.logs = _Logs(self)

    @property
    def aws(self) -> Aws:
        return cast(Aws, self)

    def require_account(self, expected: str | None) -> None: ...

    def now(self) -> datetime:
        return self.clock.now()

    def count(self, operation: str) -> int:
        return self.calls.count(operation)

    def call(self, operation: str, act: Callable[[], Any]) -> Any:
        """Execute one call. Repeat it when its answer is lost, like `pipectl.aws`."""
        with self._lock:
            if self.is_dead:
                raise Killed
            self.calls.append(operation)
            number = len(self.calls)
            if number == self._kill_at and not self._after:
                self.is_dead = True
                raise Killed
            error = self.failures[operation].pop(0) if self.failures.get(operation) else None
            lost = self.lost_answers.get(operation, 0)
            self.lost_answers[operation] = max(0, lost - 1)
        self.on_call(operation, number)
        if error:
            raise error
        try:
            with nullcontext() if operation == "Invoke" else self.world.lock:
                answer = act()
        finally:
            if number == self._kill_at:
                self.is_dead = True
            if self.is_dead:
                raise Killed
        return self.call(operation, act) if lost else answer


class _Service:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    def _call(self, operation: str, act: Callable[[], Any]) -> Any:
        return self._process.call(operation, act)


class _Paginator:
    def __init__(self, pages: Callable[..., Iterator[Any]]) -> None:
        self.paginate = pages


class _Streams(_Service):
    """A fake of DynamoDB Streams that accepts only the sequence numbers it has returned, in their written form."""

    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._iterators: dict[str, tuple[str, int, float, int]] = {}

    def get_shard_iterator(self, **request: Any) -> Any:
        return self._call("GetShardIterator", lambda: self._get_shard_iterator(**request))

    def get_records(self, *, ShardIterator: str) -> Any:  # noqa: N803
        return self._call("GetRecords", lambda: self._get_records(ShardIterator))

    def _shard(self, stream_arn: str, shard_id: str) -> Shard:
        if len(shard_id) < 28:
            raise aws_error("ParamValidationError")
        if not self._world.stream_exists or stream_arn != STREAM_ARN or shard_id not in self._world.shards:
            raise aws_error("ResourceNotFoundException", kind=AbsentError)
        return self._world.shards[shard_id]

    def _get_shard_iterator(
        self,
        *,
        StreamArn: str,  # noqa: N803
        ShardId: str,  # noqa: N803
        ShardIteratorType: str,  # noqa: N803
        SequenceNumber: str = "",  # noqa: N803
    ) -> Any:
        shard = self._shard(StreamArn, ShardId)
        if ShardIteratorType == "TRIM_HORIZON":
            return self._made(ShardId, shard.trimmed)
        assert 21 <= len(SequenceNumber) <= 40
        numbers = [record["dynamodb"]["SequenceNumber"] for record in shard.records]
        if SequenceNumber not in numbers:
            raise aws_error("TrimmedDataAccessException" if self._world.lenient else "ValidationException")
        position = numbers.index(SequenceNumber)
        if position < shard.trimmed:
            raise aws_error("TrimmedDataAccessException")
        return self._made(ShardId, position + (ShardIteratorType == "AFTER_SEQUENCE_NUMBER"))

    def _made(self, shard_id: str, position: int, empties: int | None = None) -> Any:
        shard = self._world.shards[shard_id]
        token = f"iterator-{len(self._iterators)}"
        left = shard.empties if empties is None else empties
        self._iterators[token] = (shard_id, position, self._process.clock.monotonic(), left)
        return {"ShardIterator": token}

    def _get_records(self, token: str) -> Any:
        shard_id, position, made, empties = self._iterators[token]
        if self._process.clock.monotonic() - made > ITERATOR_SECONDS:
            raise aws_error("ExpiredIteratorException")
        shard = self._shard(STREAM_ARN, shard_id)
        if position < shard.trimmed:
            raise aws_error("TrimmedDataAccessException")
        if empties or shard.silent:
            following = self._made(shard_id, position, max(0, empties - 1))
            return {"Records": [], "NextShardIterator": following["ShardIterator"]}
        records = shard.records[position : position + shard.page]
        end = position + len(records)
        if shard.closed and end == len(shard.records):
            return {"Records": records}
        return {"Records": records, "NextShardIterator": self._made(shard_id, end)["ShardIterator"]}


class _S3(_Service):
    """A fake of S3 with pages of two keys."""

    def get_paginator(self, operation: str) -> _Paginator:
        assert operation == "list_objects_v2"
        return _Paginator(self._list)

    def _list(self, *, Bucket: str, Prefix: str, StartAfter: str, ExpectedBucketOwner: str) -> Iterator[Any]:  # noqa: N803
        assert (Bucket, ExpectedBucketOwner) == (BUCKET, ACCOUNT)
        while True:

            def page(after: str = StartAfter) -> list[str]:
                return sorted(key for key in self._world.s3.versions if key.startswith(Prefix) and key > after)[:2]

            keys = self._call("ListObjectsV2", page)
            versions = self._world.s3.versions
            entries = [{"Key": key, "ETag": f'"{hash(versions[key][-1])}"'} for key in keys if key in versions]
            yield {"Contents": entries} if entries else {}
            if len(keys) < 2:
                return
            StartAfter = keys[-1]  # noqa: N806

    def get_object(self, *, Bucket: str, Key: str, ExpectedBucketOwner: str) -> Any:  # noqa: N803
        assert (Bucket, ExpectedBucketOwner) == (BUCKET, ACCOUNT)

        def get() -> Any:
            if Key not in self._world.s3.versions:
                raise aws_error("NoSuchKey", "s3")
            body = self._world.s3.versions[Key][-1]
            return {"Body": io.BytesIO(body), "ContentLength": len(body)}

        return self._call("GetObject", get)


class _DynamoDB(_Service):
    """A fake of DynamoDB: conditions are evaluated, pages have three items, items have at most 400 KB.

    It knows only the parameters that pipectl uses, and fails on others.
    """

    def update_item(self, **request: Any) -> Any:
        return self._call("UpdateItem", lambda: self._update_item(**request))

    def transact_write_items(self, **request: Any) -> Any:
        return self._call("TransactWriteItems", lambda: self._transact_write_items(**request))

    def query(self, *, Select: str = "ALL_ATTRIBUTES", **request: Any) -> Any:  # noqa: N803
        return self._call("Query", lambda: _selected(self._query(**request), Select))

    def scan(self, *, IndexName: str = "", **request: Any) -> Any:  # noqa: N803
        assert request.pop("ConsistentRead")
        return self._call("Scan", lambda: self._query(KeyConditionExpression="", **request))

    def _update_item(self, **update: Any) -> None:
        key, item, after = self._updated(**update)
        if isinstance(after, dict):
            self._world.audit[key] = after
        elif after == "ConditionalCheckFailed":
            raise aws_error("ConditionalCheckFailedException", "dynamodb", Item=item or None)
        else:
            raise aws_error("ValidationException", "dynamodb")

    def _transact_write_items(self, *, TransactItems: list[dict[str, Any]], ClientRequestToken: str) -> Any:  # noqa: N803
        """Write all items or none, like DynamoDB. The size counts each item as it was and as it will be."""
        if (done := self._world.transactions.get(ClientRequestToken)) is not None:
            assert done == TransactItems, "DynamoDB refuses a token with another transaction"
            return {}
        updated = [self._updated(**entry["Update"]) for entry in TransactItems]
        keys = [key for key, _, _ in updated]
        if not 0 < len(keys) <= 100 or len(set(keys)) < len(keys):
            raise _invalid("too many items, or several operations on one item")
        if sum(_size(item) + _size(after) for _, item, after in updated) > LARGEST_TRANSACTION:
            raise _invalid("the items are larger than 4 MB")
        codes = [
            self._world.refuses(key[0]) or (after if isinstance(after, str) else "None") for key, _, after in updated
        ]
        if set(codes) != {"None"}:
            items = [
                {"Item": item} if item and code == "ConditionalCheckFailed" else {}
                for code, (_, item, _) in zip(codes, updated, strict=True)
            ]
            reasons = [{"Code": code, **item} for code, item in zip(codes, items, strict=True)]
            raise aws_error("TransactionCanceledException", "dynamodb", CancellationReasons=reasons)
        self._world.audit |= {key: after for key, _, after in updated if isinstance(after, dict)}
        self._world.transactions[ClientRequestToken] = TransactItems
        return {}

    def _updated(
        self,
        *,
        TableName: str,  # noqa: N803
        Key: dict[str, Any],  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str,  # noqa: N803
        ReturnValuesOnConditionCheckFailure: str = "NONE",  # noqa: N803
        ExpressionAttributeValues: dict[str, Any] | None = None,  # noqa: N803
    ) -> tuple[tuple[str, str], dict[str, Any], dict[str, Any] | str]:
        """Return the key, the item before, which is empty when none is to be returned, and the item after.

        In place of an item after it is the code of the reason why there is none.
        """
        assert TableName == AUDIT_TABLE
        values, key = ExpressionAttributeValues or {}, (Key["auditId"]["S"], Key["timestamp"]["S"])
        unused = [name for name in values if name not in f"{UpdateExpression} {ConditionExpression}"]
        assert not unused, f"DynamoDB refuses values that are not used: {unused}"
        item = self._world.audit.get(key, {})
        shown = item if ReturnValuesOnConditionCheckFailure == "ALL_OLD" else {}
        if not Expression(ConditionExpression, item, values, {}).condition():
            return key, shown, "ConditionalCheckFailed"
        try:
            after = {**Key, **Expression(UpdateExpression, item, values, {}).update()}
            json.dumps(values, ensure_ascii=False).encode()
        except (InvalidTypeError, UnicodeEncodeError):
            return key, shown, "ValidationError"
        return key, shown, after if _size(after) <= LARGEST_ITEM else "ValidationError"

    def _query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        ExpressionAttributeNames: dict[str, str] | None = None,  # noqa: N803
        IndexName: str = "",  # noqa: N803
        FilterExpression: str = "",  # noqa: N803
        ProjectionExpression: str = "",  # noqa: N803
        ExclusiveStartKey: dict[str, Any] | None = None,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        Limit: int = 3,  # noqa: N803
    ) -> dict[str, Any]:
        assert TableName == AUDIT_TABLE
        if IndexName in self._world.denied_indexes:
            raise aws_error("AccessDeniedException", "dynamodb", AccessDeniedError)
        if IndexName and IndexName not in self._world.indexes:
            raise _invalid(f"The table does not have the specified index: {IndexName}")
        if IndexName in self._world.backfilling:
            raise _invalid(f"Cannot read from backfilling global secondary index: {IndexName}")
        names, values = ExpressionAttributeNames or {}, ExpressionAttributeValues
        used = f"{KeyConditionExpression} {FilterExpression} {ProjectionExpression}"
        unused = [name for name in (*names, *values) if name not in used]
        assert not unused, f"DynamoDB refuses names and values that are not used: {unused}"

        def place(item: dict[str, Any]) -> tuple[str, str]:
            return item["timestamp"]["S"], item["auditId"]["S"]

        def holds(expression: str, item: dict[str, Any]) -> bool:
            return not expression or Expression(expression, item, values, names).condition()

        # Reading expressions takes most of the time of a large table: no more are read than a page needs.
        key = re.match(r"(\w+) = (:\w+)", KeyConditionExpression)
        there = [i for i in self._world.audit.values() if not key or i.get(key[1]) == values[key[2]]]
        if after := ExclusiveStartKey:
            there = [i for i in there if place(i) != place(after) and (place(i) > place(after)) == ScanIndexForward]
        there.sort(key=place, reverse=not ScanIndexForward)
        most = min(Limit, 3)
        found = list(itertools.islice((item for item in there if holds(KeyConditionExpression, item)), most + 1))
        page, last = found[:most], found[most - 1] if len(found) > most else None
        keys = ("auditId", "timestamp", *([self._world.indexes[IndexName]] if IndexName else []))
        more = {"LastEvaluatedKey": {name: last[name] for name in keys}} if last else {}
        return {"Items": [item for item in page if holds(FilterExpression, item)], **more}


def _selected(page: dict[str, Any], select: str) -> dict[str, Any]:
    """Return a page as DynamoDB does: with the number of its items, and without the items if only that is asked for."""
    items = page.pop("Items")
    return {**page, "Count": len(items)} | ({} if select == "COUNT" else {"Items": items})


def _size(item: object) -> int:
    return len(json.dumps(item, default=repr))


class _Invoker(_Service):
    """A fake of Lambda for Invoke; `Aws.lambda_`, which does not wait for a long invocation, has no such method."""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803
        if len(Payload) > LARGEST_EVENT:
            self._call("Invoke", lambda: None)
            raise aws_error("RequestEntityTooLargeException", "lambda")
        function, _, alias = FunctionName.partition(":")
        assert alias == (LIVE_ALIAS if function == PROCESSOR else ""), "not the version in use"
        return self._call("Invoke", lambda: self._world.invoke(function, Payload))


class _Sqs(_Service):
    """A fake of SQS that returns a few messages at a time and hides each for the requested time."""

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        def count() -> Any:
            now = self._process.clock.monotonic()
            visible = sum(message["visible"] <= now for message in self._world.messages)
            hidden = len(self._world.messages) - visible
            counts = dict.fromkeys(("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"), 0)
            if not self._world.counts_lag:
                counts = dict(zip(counts, (visible, hidden), strict=True))
            return {"Attributes": {name: str(counts[name]) for name in AttributeNames}}

        return self._call("GetQueueAttributes", count)

    def receive_message(self, *, VisibilityTimeout: int, **request: Any) -> Any:  # noqa: N803
        def receive() -> Any:
            now = self._process.clock.monotonic()
            if self._world.empty_answers and self._world.empty_answers.pop(0):
                return {}
            visible = [message for message in self._world.messages if message["visible"] <= now]
            del visible[self._world.receives :]
            for message in visible:
                message["visible"] = now + VisibilityTimeout
            return {"Messages": [{**message, "ReceiptHandle": message["MessageId"]} for message in visible]}

        return self._call("ReceiveMessage", receive)

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        gone = {entry["ReceiptHandle"] for entry in Entries}

        def delete() -> Any:
            kept = [message for message in self._world.messages if message["MessageId"] not in gone]
            self._world.messages[:] = kept
            return {}

        return self._call("DeleteMessageBatch", delete)


class _Logs(_Service):
    """A fake of CloudWatch Logs that understands the patterns of pipectl; pages have 100 events.

    A line that is not of the processor passes each pattern: the local emulator does not evaluate patterns of JSON.
    """

    def get_paginator(self, operation: str) -> _Paginator:
        assert operation == "filter_log_events"
        return _Paginator(self._pages)

    def _pages(self, *, logGroupName: str, startTime: int, endTime: int, filterPattern: str = "") -> Iterator[Any]:  # noqa: N803
        assert logGroupName == LOG_GROUP
        assert len(filterPattern) <= 1024
        wanted = re.findall(r'\$\.sequenceNumber = "([0-9]+)"', filterPattern)
        assert bool(wanted) == filterPattern.startswith("{")
        found = [event for event in self._world.log_events if startTime <= event["timestamp"] <= endTime]
        if wanted:
            found = [event for event in found if _number_in(event["message"]) in (None, *wanted)]
        for at in range(0, max(len(found), 1), 100):
            yield {"events": self._call("FilterLogEvents", partial(found.__getitem__, slice(at, at + 100)))}


def _number_in(message: str) -> object:
    with suppress(ValueError, AttributeError, RecursionError):
        return json.loads(message).get("sequenceNumber")
    return None
