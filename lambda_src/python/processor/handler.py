"""Processor: every new version of an order becomes one JSON object in the bucket.

`<prefix>/YYYY/MM/DD/<record id>.json`, with date and id taken from the stream record, so that a retry, a bisected
batch and a replay all write the same object, and the conditional put writes it only once.

A stream record that fails is logged, put to the quarantine (the stream forgets it after 24 hours) and then told to
Lambda in one of two ways, see `verdict`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import reprlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

T = TypeVar("T")

WRITERS = 16
CONFLICT_PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds before each further attempt; then the record fails
TOO_DEEP = "nested too deep to be written"
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3])(:[0-5][0-9]){2}"
    r"(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"
)


class InvalidOrderError(Exception):
    """An order that cannot be enriched: no retry will help, until this code or the order changes."""


class InvalidRecordError(Exception):
    """A stream record that is not shaped as DynamoDB Streams shape it."""


class BatchError(Exception):
    """Makes the invocation an error; names the record to blame."""


class Context(Protocol):
    """The two things used of Lambda's context object."""

    @property
    def function_name(self) -> str: ...
    @property
    def aws_request_id(self) -> str: ...


class Failure(NamedTuple):
    """A record that could not be processed, and why. It may hold anything: that can be why it failed."""

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


def enrich(order: Mapping[str, Any]) -> dict[str, object]:
    """What is added to the metadata of an order's object: the place for a pipeline's own rules.

    `order` is the new image in DynamoDB's typed form, empty where the stream carries none.
    Raises InvalidOrderError when the order makes no sense.
    """
    amount = order.get("amount")
    if amount is not None and "N" not in amount:
        ((kind, value),) = amount.items()
        raise InvalidOrderError(f"amount must be a number, got {kind} {brief(value)}")
    return {"status": "PROCESSED"}


class Processor:
    """Writes the orders of a batch to the bucket."""

    def __init__(
        self,
        s3: S3Client,
        bucket: str,
        prefix: str = "processed-data",
        failed_prefix: str = "failed-data",
        *,
        owner: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix
        self.failed_prefix = failed_prefix
        self.owner = owner
        self.now = now
        self.sleep = sleep

    def process(self, event: object, context: Context) -> dict[str, list[dict[str, str | None]]]:
        """Attempt every record of the batch. Returns Lambda's partial batch response, or raises BatchError."""
        records = dig(event, "Records")
        if records is None:
            records = []
        if not isinstance(records, list):
            raise BatchError(f"Records must be a list, got {brief(records)}")
        write = functools.partial(self.write, context=context, overwrite=dig(event, "overwrite") is True)
        failures = [
            Failure(position, record, reason_of(error))
            for position, (record, error) in enumerate(zip(records, attempt_each(write, records), strict=True))
            if error
        ]
        for failure in failures:
            log("record failed", failure, failure.reason, context)
        for failure, error in zip(failures, attempt_each(self.quarantine, failures), strict=True):
            if error:
                log("record not quarantined", failure, reason_of(error), context)
        return verdict(failures)

    def write(self, record: object, *, context: Context, overwrite: bool) -> None:
        """Write one record's object; a REMOVE leaves the objects of the order's earlier versions alone."""
        event_name = dig(record, "eventName")
        if event_name == "REMOVE":
            return
        if event_name not in ("INSERT", "MODIFY"):
            raise InvalidRecordError(f"eventName must be INSERT, MODIFY or REMOVE, got {brief(event_name)}")
        body = document(record, context, self.now())
        day = iso(created_at(record))[:10].replace("-", "/")
        self.put(f"{self.prefix}/{day}/{object_name(record)}", body, overwrite=overwrite)

    def quarantine(self, failure: Failure) -> None:
        """Keep the raw record where neither a retry nor the stream's 24 hours reach it."""
        source = text_at(failure.record, "eventSourceARN") or ""
        label = source.partition("/stream/")[2]
        if not label or failure.sequence_number is None:
            raise InvalidRecordError("no stream label or no sequence number to keep it under")
        # Padded, so that a listing is in the stream's order and a range of it can be asked for.
        name = quote(failure.sequence_number.rjust(40, "0"), safe="")
        self.put(f"{self.failed_prefix}/{quote(label, safe=':')}/{name}.json", json.dumps(failure.record))

    def put(self, key: str, body: str, *, overwrite: bool = False) -> None:
        """Write an object unless it is there already."""
        request: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": key,
            "Body": body.encode(errors="backslashreplace"),  # half a surrogate pair, as JSON escapes it
            "ContentType": "application/json",
        }
        if self.owner:  # a bucket of that name may have become somebody else's
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


def attempt_each(work: Callable[[T], None], items: Sequence[T]) -> list[BaseException | None]:
    """Do `work` on every item in parallel, whatever the others do; what each of them raised, in order."""
    with ThreadPoolExecutor(WRITERS) as pool:
        return [future.exception() for future in [pool.submit(work, item) for item in items]]


def verdict(failures: Sequence[Failure]) -> dict[str, list[dict[str, str | None]]]:
    """Tell Lambda what failed: as an error when the batch's first record did, else as a partial batch response.

    Lambda counts a partial batch response as a success, so the function's `Errors` metric, and the alarm on it, would
    never see a record that is always reported politely. Lambda retries from the lowest sequence number reported, so
    at the next attempt the poison record stands first, and then it is an error. REMOVE records in front of it make no
    difference: they are done at the first attempt, like every good record in front.

    A record without a sequence number cannot be reported at all, so it is an error wherever it stands.
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
    """What an operator reads: of the record, not of the stack that it was too deep for."""
    told = InvalidRecordError(TOO_DEEP) if isinstance(error, RecursionError) else error
    return f"{type(told).__name__}: {told}"


def log(message: str, failure: Failure, reason: str, context: Context) -> None:
    line = {
        "level": "ERROR",
        "message": message,
        "keys": failure.keys,
        "eventId": failure.event_id,
        "sequenceNumber": failure.sequence_number,
        "reason": reason,
        "requestId": context.aws_request_id,
    }
    print(json_object({name: one_line(value) for name, value in line.items()}), flush=True)


def one_line(value: object) -> str:
    """JSON text; what has none is told as a text."""
    try:
        return json.dumps(value, allow_nan=False)
    except RecursionError:
        return json.dumps(TOO_DEEP)
    except ValueError:  # a number that JSON does not have
        return json.dumps(reprlib.repr(value))


def document(record: object, context: Context, processed_at: datetime) -> str:
    """The object's text."""
    content = {
        "keys": image_to_json(dig(record, "dynamodb", "Keys")),
        "newImage": image_to_json(dig(record, "dynamodb", "NewImage")),
        "oldImage": image_to_json(dig(record, "dynamodb", "OldImage")),
    }
    order = dig(record, "dynamodb", "NewImage")
    metadata = {
        "recordId": record_id(record),
        "processedAt": iso(processed_at),
        **enrich(order if isinstance(order, dict) else {}),
        "eventName": dig(record, "eventName"),
        "sequenceNumber": dig(record, "dynamodb", "SequenceNumber"),
        "createdAt": iso(created_at(record)),
        "source": dig(record, "eventSourceARN"),
        "functionName": context.function_name,
        "requestId": context.aws_request_id,
    }
    return json_object({"metadata": json.dumps(metadata, ensure_ascii=False, allow_nan=False), **content})


def record_id(record: object) -> str:
    """The stream's own id of the record, else its sequence number: the same at every retry and replay."""
    identity = text_at(record, "eventID") or text_at(record, "dynamodb", "SequenceNumber")
    if identity is None:
        raise InvalidRecordError("neither an eventID nor a SequenceNumber")
    return identity


def object_name(record: object) -> str:
    """The record id as the last part of a key: no id leaves its folder, and no two share a name.

    `=` is never left bare by `quote`, so a sequence number cannot take the name of another record's event id.
    """
    kind = "" if text_at(record, "eventID") else "sequence="
    return f"{kind}{quote(record_id(record), safe='')}.json"


def created_at(record: object) -> datetime:
    """When the order changed: never the clock's time, which is another one at the next attempt."""
    found = dig(record, "dynamodb", "ApproximateCreationDateTime")
    with contextlib.suppress(ValueError, OverflowError):  # there is no 30 February, and no year 10,000
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
        if isinstance(found, str) and ISO_TIME.fullmatch(found):
            parsed = datetime.fromisoformat(found)
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    raise InvalidRecordError(
        f"ApproximateCreationDateTime must be epoch seconds or an ISO 8601 time, got {brief(found)}"
    )


def image_to_json(image: object) -> str:
    """Keys or an image as JSON text; null where the stream's view type leaves it out."""
    return "null" if image is None else to_json({"M": image})


def to_json(value: object) -> str:
    """A value in DynamoDB's typed form as plain JSON text, the attributes sorted by name: DynamoDB gives them no order.

    Text, and not an object for `json.dumps`, because a number has up to 38 digits and goes in as DynamoDB sent it:
    a float keeps 17 of them, and `json.dumps` writes no Decimal.
    """
    kind, content = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (None, None)
    match kind, content:
        case (("S" | "B"), str()):
            return json.dumps(content, ensure_ascii=False)
        case "N", str() if JSON_NUMBER.fullmatch(content):
            return content
        case "BOOL", bool():
            return json.dumps(content)
        case "NULL", _:
            return "null"
        case "M", dict():
            return json_object({name: to_json(member) for name, member in sorted(content.items())})
        case "L", list():
            return f"[{', '.join(map(to_json, content))}]"
        case (("SS" | "NS" | "BS"), list()):
            return f"[{', '.join(to_json({kind[0]: member}) for member in content)}]"
    raise InvalidRecordError(f"not a DynamoDB value: {brief(value)}")


def json_object(members: Mapping[str, str]) -> str:
    """The text of a JSON object whose values are JSON text already."""
    return f"{{{', '.join(f'{json.dumps(name, ensure_ascii=False)}: {text}' for name, text in members.items())}}}"


def brief(value: object) -> str:
    """A value as JSON, by its ends where it is long."""
    text = one_line(value)
    return text if len(text) <= 60 else f"{text[:28]}...{text[-28:]}"


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dig(value: object, *path: str) -> object:
    """What lies at `path`; None where anything on the way is missing or no map."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text_at(value: object, *path: str) -> str | None:
    """The text at `path`; None where there is none, or an empty one."""
    found = dig(value, *path)
    return found if isinstance(found, str) and found else None


@functools.cache
def processor() -> Processor:
    """The one processor of this execution environment; its client keeps a connection for each writer."""
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
    return processor().process(event, context)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    processor()  # while the environment starts, which Lambda does with a full processor whatever the memory
