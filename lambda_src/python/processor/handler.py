"""Processor: store each new version of an order as one JSON object in the bucket.

The key is `<prefix>/YYYY/MM/DD/<record id>.json`. Date and id come from the stream record, so a retry, a bisected batch
and a replay write the same object. The put is conditional, so the object is written once.

A record that fails is logged and stored in the quarantine, because the stream keeps records for 24 hours only. Then it
is reported to Lambda, see `respond`. Your own rules belong into `enrich`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from decimal import Context as Digits
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from order_values import (
    InvalidRecordError,
    InvalidResultError,
    brief,
    json_object,
    members,
    one_line,
    raw_json,
    shallow,
    shown,
    to_json,
    to_plain,
    write,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

T = TypeVar("T")

WRITERS = 16
CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds before each further attempt; then the record fails
DIGITS = Digits(prec=38)  # calculations keep as many digits as numbers of DynamoDB have
LONGEST_REASON = 1000
ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3])(:[0-5][0-9]){2}"
    r"(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)


class InvalidOrderError(Exception):
    """An order that cannot be enriched. A retry fails again until this code or the order changes."""


class BatchError(Exception):
    """Fail the invocation. The message names the record that failed."""


class Context(Protocol):
    """Lambda's context object, reduced to the attributes in use."""

    @property
    def function_name(self) -> str: ...
    @property
    def aws_request_id(self) -> str: ...


class Failure(NamedTuple):
    """A record that could not be processed, and the reason.

    `position` is the record's index in the batch. `record` can be any JSON value, because the record can be malformed.
    """

    position: int
    record: object
    reason: str

    @property
    def keys(self) -> object:
        return dig(self.record, "dynamodb", "Keys")

    @property
    def event_id(self) -> object:
        return dig(self.record, "eventID")

    @property
    def sequence_number(self) -> str | None:
        return text_at(self.record, "dynamodb", "SequenceNumber")


class Enriched(NamedTuple):
    """A result of `enrich` that stores another order: `order` takes the place of the new image."""

    order: Mapping[str, object]
    metadata: Mapping[str, object] = MappingProxyType({})


def enrich(order: dict[str, object]) -> Mapping[str, object] | Enriched:
    """Return fields for the metadata of an order's object. Put your own rules here.

    `order` is the new image in plain values: numbers are Decimals, binary values bytes. It is empty when the record has
    no new image. Return `Enriched` to store another order. Raise InvalidOrderError to refuse the order.
    """
    if "amount" in order and not isinstance(order["amount"], Decimal):
        raise InvalidOrderError(f"amount must be a number, got {shown(order['amount'])}")
    return {"status": "PROCESSED"}


class Processor:
    """Write the orders of a batch to the bucket."""

    def __init__(
        self,
        s3: S3Client,
        bucket: str,
        prefix: str = "processed-data",
        failed_prefix: str = "failed-data",
        *,
        owner: str | None = None,
        rules: Callable[[dict[str, object]], object] = lambda order: enrich(order),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix
        self.failed_prefix = failed_prefix
        self.owner = owner
        self.rules = rules
        self.now = now
        self.sleep = sleep
        self.pool = ThreadPoolExecutor(WRITERS)

    def process(self, event: object, context: Context) -> dict[str, list[dict[str, str | None]]]:
        """Process every record of the batch, also when one fails.

        Returns Lambda's partial batch response. Raises BatchError when Lambda has to count the invocation as an error.
        """
        records = dig(event, "Records")
        if records is None:
            records = []
        if not isinstance(records, list):
            raise BatchError(f"Records must be a list, got {brief(records)}")
        write = functools.partial(self.write, context=context, overwrite=dig(event, "overwrite") is True)
        failures = [
            Failure(position, record, reason_of(error))
            for position, (record, error) in enumerate(zip(records, self.attempt_each(write, records), strict=True))
            if error is not None
        ]
        for failure in failures:
            log("record failed", failure, failure.reason, context)
        quarantine = functools.partial(self.quarantine, context=context)
        for failure, error in zip(failures, self.attempt_each(quarantine, failures), strict=True):
            if error is not None:
                log("record not quarantined", failure, reason_of(error), context)
        return respond(failures)

    def attempt_each(self, work: Callable[[T], None], items: Sequence[T]) -> list[BaseException | None]:
        """Call `work` with every item, several at once. Return the error of each item, or None, in their order."""
        errors: list[BaseException | None] = [None] * len(items)
        rest = iter(enumerate(items))  # the writers share it: each takes the next item

        def writer() -> None:
            for position, item in rest:
                try:
                    work(item)
                except BaseException as error:  # noqa: BLE001 - also `sys.exit()` fails only its own record
                    errors[position] = error

        wait([self.pool.submit(writer) for _ in items[:WRITERS]])
        return errors

    def write(self, record: object, *, context: Context, overwrite: bool) -> None:
        """Write one record's object. A REMOVE writes nothing and keeps the objects of earlier versions."""
        event_name = dig(record, "eventName")
        if event_name == "REMOVE":
            return
        if event_name not in ("INSERT", "MODIFY"):
            raise InvalidRecordError(f"eventName must be INSERT, MODIFY or REMOVE, got {brief(event_name)}")
        created = iso(created_at(record))
        key = f"{self.prefix}/{created[:10].replace('-', '/')}/{object_name(record)}"
        self.put(key, self.document(record, created, context), overwrite=overwrite)

    def document(self, record: object, created: str, context: Context) -> str:
        """Return the text of a record's object."""
        keys, new, old = (dig(record, "dynamodb", name) for name in ("Keys", "NewImage", "OldImage"))
        texts = [image_to_json(image) for image in (keys, new, old)]
        with localcontext(DIGITS):
            order, added = stored(self.rules(shallow(to_plain, {"M": new or {}})))
        own = {
            "recordId": record_id(record),
            "processedAt": iso(self.now()),
            "eventName": dig(record, "eventName"),
            "sequenceNumber": dig(record, "dynamodb", "SequenceNumber"),
            "createdAt": created,
            "source": dig(record, "eventSourceARN"),
            "functionName": context.function_name,
            "requestId": context.aws_request_id,
        }
        fields = [(name, shallow(raw_json, value)) for name, value in own.items()]
        added = [field for field in added if field[0] not in own]
        metadata = json_object([*fields[:2], *added, *fields[2:]])
        names = ("metadata", "keys", "newImage", "oldImage")
        return json_object(zip(names, (metadata, texts[0], order or texts[1], texts[2]), strict=True))

    def quarantine(self, failure: Failure, *, context: Context) -> None:
        """Store the raw record with the reason, so that it can be replayed after the stream's 24 hours."""
        source = text_at(failure.record, "eventSourceARN") or ""
        label = source.partition("/stream/")[2]
        if not label or failure.sequence_number is None:
            raise InvalidRecordError("the quarantine key needs a stream label and a sequence number")
        # Padded, so that a listing has the stream's order and can be limited to a range of sequence numbers.
        name = quote(failure.sequence_number.rjust(40, "0"), safe="")
        cause = {
            "reason": failure.reason,
            "failedAt": iso(self.now()),
            "requestId": context.aws_request_id,
            "functionVersion": getattr(context, "function_version", None),
        }
        content = [("record", shallow(json.dumps, failure.record)), ("failure", json.dumps(cause))]
        self.put(f"{self.failed_prefix}/{quote(label, safe=':')}/{name}.json", json_object(content))

    def put(self, key: str, body: str, *, overwrite: bool = False) -> None:
        """Write an object. Without `overwrite`, keep an object that exists."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": key,
            "Body": body.encode(errors="backslashreplace"),  # a lone surrogate becomes its JSON escape
            "ContentType": "application/json",
        }
        if self.owner:  # the bucket can be deleted, and its name taken by another account
            request["ExpectedBucketOwner"] = self.owner
        if not overwrite:
            request["IfNoneMatch"] = "*"
        for pause in (*CONFLICT_PAUSES, None):
            try:
                self.s3.put_object(**request)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "PreconditionFailed":  # an earlier attempt wrote it
                    return
                if code != "ConditionalRequestConflict" or pause is None:
                    raise
                self.sleep(pause)
            else:
                return


def respond(failures: Sequence[Failure]) -> dict[str, list[dict[str, str | None]]]:
    """Return the partial batch response. Raise BatchError when the first record of the batch failed.

    Lambda counts a partial batch response as a success: a record that is only reported there never appears in the
    function's `Errors` metric, and never fires its alarm. Lambda retries from the lowest sequence number reported, so
    at the next attempt the failing record is the first of its batch, and the invocation counts as an error.

    A record without a sequence number cannot be named in the response, so it raises at any position.
    """
    for failure in failures:
        if failure.position == 0 or failure.sequence_number is None:
            others = f" ({len(failures) - 1} more of the batch failed)" if len(failures) > 1 else ""
            raise BatchError(
                f"record with keys {one_line(failure.keys)}"
                f" and sequence number {failure.sequence_number or 'unknown'} failed: {failure.reason}{others}"
            )
    return {"batchItemFailures": [{"itemIdentifier": failure.sequence_number} for failure in failures]}


def reason_of(error: BaseException) -> str:
    """Return the error's type and message."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - a message can be a method of the user's own class
        message = "its message cannot be read"
    reason = f"{type(error).__name__}: {message}"
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}..."


def log(message: str, failure: Failure, reason: str, context: Context) -> None:
    """Print the failure as one line of JSON."""
    line = {
        "level": "ERROR",
        "message": message,
        "keys": failure.keys,
        "eventId": failure.event_id,
        "sequenceNumber": failure.sequence_number,
        "reason": reason,
        "requestId": context.aws_request_id,
    }
    print(json_object((name, one_line(value)) for name, value in line.items()), flush=True)


def stored(result: object) -> tuple[str | None, list[tuple[str, str]]]:
    """Return a result of `enrich` as JSON text: the order that is stored instead, if any, and the metadata's fields."""
    order, metadata = (result.order, result.metadata) if isinstance(result, Enriched) else ({}, result)
    if not isinstance(order, Mapping) or not isinstance(metadata, Mapping):
        odd = metadata if isinstance(order, Mapping) else order
        raise InvalidResultError(f"enrich must return a dict or Enriched of dicts, got {type(odd).__name__}")
    added = shallow(members, {"status": "PROCESSED", **metadata}, InvalidResultError)
    return shallow(write, order, InvalidResultError) if isinstance(result, Enriched) else None, added


def record_id(record: object) -> str:
    """Return the record's event id, else its sequence number. Both stay equal at every retry and replay."""
    identity = text_at(record, "eventID") or text_at(record, "dynamodb", "SequenceNumber")
    if identity is None:
        raise InvalidRecordError("the record has no eventID and no SequenceNumber")
    return identity


def object_name(record: object) -> str:
    """Return the last part of the object's key: the record id, quoted, so that it stays in its folder.

    `quote` escapes `=`, so the name made of a sequence number differs from every name made of an event id.
    """
    kind = "" if text_at(record, "eventID") else "sequence="
    return f"{kind}{quote(record_id(record), safe='')}.json"


def created_at(record: object) -> datetime:
    """Return the time of the change. The current time would differ at the next attempt, so it is not used."""
    found = dig(record, "dynamodb", "ApproximateCreationDateTime")
    with contextlib.suppress(ValueError, OverflowError):  # for example 30 February, or the year 10,000
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
        if isinstance(found, str) and ISO_TIME.fullmatch(found):
            parsed = datetime.fromisoformat(found)
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    raise InvalidRecordError(
        f"ApproximateCreationDateTime must be epoch seconds or an ISO 8601 time, got {brief(found)}"
    )


def image_to_json(image: object) -> str:
    """Return keys or an image as JSON text; null when the stream's view type leaves it out."""
    return "null" if image is None else shallow(to_json, {"M": image})


def iso(moment: datetime) -> str:
    """Return the time in RFC 3339 with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dig(value: object, *path: str) -> object:
    """Return the value at `path`; None when a part of the path is missing or is not a map."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text_at(value: object, *path: str) -> str | None:
    """Return the text at `path`; None when there is no text or it is empty."""
    found = dig(value, *path)
    return found if isinstance(found, str) and found else None


@functools.cache
def processor() -> Processor:
    """Return the processor of this execution environment. Its client has one connection for each writer."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=2,
        read_timeout=10,
        max_pool_connections=WRITERS,
    )
    return Processor(
        boto3.client("s3", config=config),
        os.environ["BUCKET_NAME"],
        os.environ.get("PROCESSED_PREFIX", "processed-data"),
        os.environ.get("FAILED_PREFIX", "failed-data"),
        owner=os.environ.get("BUCKET_OWNER"),
    )


def handler(event: object, context: Context) -> dict[str, list[dict[str, str | None]]]:
    """Process one invocation of Lambda."""
    return processor().process(event, context)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    processor()  # make the client during the init phase, which has a full CPU for every memory size
