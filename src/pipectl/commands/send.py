"""`send`: write one order to the table, and follow it to its object or its failure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import islice

from pipectl.aws.stream_records import Cause, kept_record
from pipectl.clock import poll
from pipectl.commands.send_order import Order, is_same
from pipectl.context import Context
from pipectl.engine.model import Observation
from pipectl.errors import AwsError, CancelledError, PipectlError
from pipectl.facts import FunctionFacts, MappingFacts, TableFacts
from pipectl.failures.audit_table import Selection
from pipectl.failures.errors import UnchangedOrderError
from pipectl.failures.model import Failure, Record, SequenceNumber, object_key, quarantine_key
from pipectl.failures.order_versions import Version
from pipectl.failures.quarantine import object_at
from pipectl.failures.reasons import tries
from pipectl.failures.stream_tail import StreamTail
from pipectl.monitoring.stream_progress import progress
from pipectl.resource_keys import ResourceKey
from pipectl.text import shell_word

_TIMEOUT = 60
"""Seconds for which an order is followed, and those for which Lambda collects records."""
_NEEDS = (
    ResourceKey.ORDERS_TABLE,
    ResourceKey.AUDIT_TABLE,
    ResourceKey.BUCKET,
    ResourceKey.PROCESSOR,
    ResourceKey.STREAM_MAPPING,
)
_FIRST_PAUSE = 0.05
"""Seconds after the write before the second look; the local emulator stores an order in less than 0.1 s."""
_RECORD_SECONDS = 5
"""Time within which a stream has the record of a write; a stopped pipeline is not followed for longer."""
_RETRIED_SECONDS = 1.5
"""Time for which the record of a write is looked for that seems to have changed nothing."""
_AUDIT_SECONDS = 1.0
"""Time between two looks into the audit table."""
_CLOCKS_DIFFER = timedelta(minutes=5)
_MOST_FAILURES = 500
"""Newest failures among which that of the order is looked for."""


class SendState(StrEnum):
    STORED = "stored"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True)
class SendFailure:
    """The failure of an order.

    Attributes:
        audit_id: Its id; ``None`` while Lambda retries.
        reason: The function's error, as far as it is known.
        tries: Number of invocations, where Lambda reports it.
        quarantine: The S3 URL of the failed record, where the processor has stored it.
    """

    audit_id: str | None
    reason: str | None
    tries: int | None = None
    quarantine: str | None = None


@dataclass(frozen=True)
class SendReport:
    """An order, and its result.

    Attributes:
        key: Its partition key.
        generated: The key was chosen by pipectl.
        order: The order as it was written, in DynamoDB's typed form.
        state: Its state when the following ended.
        seconds: Time since the write.
        event_name: ``INSERT`` or ``MODIFY``; ``None`` when the stream did not show the record in time.
        event_id: The id of its stream record.
        sequence_number: The sequence number of the record.
        document: The contents of its object, at the state ``stored``: JSON, else text.
        object: The S3 URL of the object.
        failure: Its failure, at the state ``failed``, or the attempts that failed, at the state ``waiting``.
        waits_for: The reason why it is not processed, at the state ``waiting``.
    """

    key: str
    generated: bool
    order: Mapping[str, object]
    state: SendState
    seconds: float
    event_name: str | None = None
    event_id: str | None = None
    sequence_number: SequenceNumber | None = None
    document: object = None
    object: str | None = None
    failure: SendFailure | None = None
    waits_for: str | None = None


def send(context: Context, order: Order, *, timeout: float | None = None) -> SendReport:
    """Write an order, and follow it until it is stored, has failed, or the time is over.

    Args:
        context: The pipeline.
        order: The order.
        timeout: Seconds to wait for the result; ``None`` for 60 and the batching window.

    Raises:
        RequirementError: a resource is missing, or is not managed by this pipeline. Nothing was written.
        PipectlError: the stream is disabled. Nothing was written.
        UnchangedOrderError: the table has exactly this order.
        CancelledError: the user pressed Ctrl-C; the message says whether the order is in the table.
    """
    context.reporter.step("looking at the pipeline")
    resources = context.require(_NEEDS)
    table = resources[ResourceKey.ORDERS_TABLE].facts_as(TableFacts)
    tail = StreamTail(context.aws, table.require_stream(), context.cancel)
    tail.open()
    if timeout is None:
        timeout = _TIMEOUT + context.config.stream_mapping.batching_window
    return _Sending(context, order, resources, tail, timeout).run()


def read_document(body: bytes) -> object:
    """Return the JSON of an object, with all digits of its numbers; a text where it is none."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


class _Sending:
    def __init__(
        self,
        context: Context,
        order: Order,
        resources: Mapping[str, Observation],
        tail: StreamTail,
        timeout: float,
    ) -> None:
        self._context = context
        self._aws = context.aws
        self._order = order
        self._resources = resources
        self._tail = tail
        self._timeout = timeout
        self._names = context.pipeline.physical
        self._started = context.aws.clock.monotonic()
        self._sent_at = context.aws.now()
        self._version: Version | None = None
        self._cause: Cause | None = None
        self._quarantine: str | None = None

    def run(self) -> SendReport:
        order = self._order
        self._context.reporter.step(f"writing order {order.key}")
        with _in_the_table(order.key, "may be in the table", refusal=True):
            answer = self._aws.dynamodb.put_item(
                TableName=self._names.orders_table, Item=order.item, ReturnValues="ALL_OLD"
            )
        self._started, old = self._aws.clock.monotonic(), answer.get("Attributes")
        with _in_the_table(order.key, "was written to the table"):
            if old and is_same(old, order.item):
                self._require_record()
            return self._follow()

    def _require_record(self) -> None:
        """Find the record of a write that seems to have changed nothing: its first attempt may have changed the order.

        Raises:
            UnchangedOrderError: there is none.
        """
        for _ in poll(self._aws.clock, _RETRIED_SECONDS):
            if self._found_version():
                return
        raise UnchangedOrderError(self._order.key)

    def _follow(self) -> SendReport:
        stops = self._stops
        looked, said = 0.0, False
        bound = min(self._timeout, _RECORD_SECONDS) if stops else self._timeout
        for waited in poll(self._aws.clock, bound, _FIRST_PAUSE):
            version = self._found_version()
            self._context.reporter.step(f"waiting for {'the processor' if version else 'the stream'}")
            if version:
                if report := self._stored(version):
                    return report
                self._note_attempt(version)
                if waited - looked >= _AUDIT_SECONDS:
                    looked = waited
                    if report := self._failed(version):
                        return report
                if stops:
                    break
            if waited > 2 and not (said or stops or self._quarantine):
                self._context.reporter.note(f"order {self._order.key} is written; waiting for the processor")
                said = True
        return self._waiting()

    @property
    def _stops(self) -> bool:
        """The processor is certainly not invoked, so that waiting is in vain."""
        mapping = self._resources[ResourceKey.STREAM_MAPPING].facts_as(MappingFacts)
        return mapping.stopped or self._resources[ResourceKey.PROCESSOR].facts_as(FunctionFacts).held

    def _found_version(self) -> Version | None:
        """Return the order's record; look for it until it was found."""
        if self._version is None:
            self._version = next((Version(*each) for each in self._tail.read() if self._is_of_order(each[1])), None)
        return self._version

    def _is_of_order(self, record: Record) -> bool:
        """Return whether a record is the one of the write: another writer may change the order, too."""
        content, name = record.event["dynamodb"], self._context.config.orders_table.partition_key
        if content.get("Keys", {}).get(name) != {"S": self._order.key} or not record.is_replayed:
            return False
        image = content.get("NewImage")
        return image is None or is_same(image, self._order.item)

    def _stored(self, version: Version) -> SendReport | None:
        bucket, key = self._names.bucket, object_key(self._context.config.bucket.prefix, version.record.event)
        found = object_at(self._aws, bucket, key)
        if found is None:
            return None
        report = self._report(SendState.STORED)
        return replace(report, document=read_document(found["Body"].read()), object=f"s3://{bucket}/{key}")

    def _note_attempt(self, version: Version) -> None:
        """Note the first attempt that failed, once."""
        if self._quarantine:
            return
        bucket, key = (
            self._names.bucket,
            quarantine_key(self._context.config.bucket.failed_prefix, version.record.event),
        )
        if found := object_at(self._aws, bucket, key):
            self._quarantine = f"s3://{bucket}/{key}"
            kept = kept_record(found["Body"].read())
            self._cause = kept.cause if kept else None
            self._context.reporter.note(f"attempt failed: {self._reason}; Lambda retries")

    @property
    def _reason(self) -> str:
        return self._cause.reason if self._cause else "the quarantine has no reason"

    def _failed(self, version: Version) -> SendReport | None:
        """Return the report of an order whose failure is audited."""
        failures = (each for each in self._newest_failures() if each.range and version.lies_in(each.range))
        if (failure := next(failures, None)) is None:
            return None
        if report := self._stored(version):  # the last retry may have stored it
            return report
        if not (reason := self._cause.reason if self._cause else None):
            self._context.reporter.step("looking for the reason")
            reason = self._context.explainer.explain([failure]).explanations[0].reason
        found = SendFailure(failure.audit_id, reason, tries(failure), self._quarantine)
        return replace(self._report(SendState.FAILED), failure=found)

    def _newest_failures(self) -> Iterator[Failure]:
        found = self._context.audit_table.newest_first(Selection(self._sent_at - _CLOCKS_DIFFER))
        return (failure for failure, _ in islice(found, _MOST_FAILURES))

    def _waiting(self) -> SendReport:
        self._context.reporter.step("looking for the reason why it waits")
        failure = SendFailure(None, self._reason, quarantine=self._quarantine) if self._quarantine else None
        return replace(self._report(SendState.WAITING), failure=failure, waits_for=self._waits_for())

    def _waits_for(self) -> str:
        context, now = self._context, self._aws.now()
        try:
            read = progress(context, {key: found.facts for key, found in self._resources.items()}, now)
        except AwsError as error:  # the order is written: its state is worth more than the reason
            return f"a reason that is not known: {error.message}"
        if read.stopped:
            return read.stopped
        mapping = context.resources[ResourceKey.STREAM_MAPPING]
        filters = self._resources[ResourceKey.STREAM_MAPPING].attributes.get("filter")
        if filters != mapping.desired({}).get("filter"):
            return "the filter of the stream mapping differs from the config's: `pipectl plan` shows it"
        if self._quarantine:
            return "Lambda retries the record"
        if read.unknown:
            return read.unknown
        if self._version is None:
            return "the stream has not shown its record yet"
        return (
            "it has neither object nor failure yet: a new or changed stream mapping begins after up to 2 minutes, "
            "and a handler may store it under another key"
        )

    def _report(self, state: SendState) -> SendReport:
        record = self._version.record if self._version else None
        return SendReport(
            self._order.key,
            self._order.generated,
            self._order.item,
            state,
            self._aws.clock.monotonic() - self._started,
            event_name=record.event.get("eventName") if record else None,
            event_id=record.event.get("eventID") if record else None,
            sequence_number=record.number if record else None,
        )


@contextmanager
def _in_the_table(key: str, state: str, *, refusal: bool = False) -> Iterator[None]:
    """Say in the error of a command that ends here whether the order is in the table.

    Args:
        key: The order.
        state: The words.
        refusal: AWS may refuse the write, and then nothing is to be said.
    """
    follow = f"`pipectl trace {shell_word(key)}` follows it"
    try:
        yield
    except (KeyboardInterrupt, CancelledError):
        raise CancelledError(f"interrupted: order {key} {state}", hint=follow) from None
    except UnchangedOrderError:
        raise
    except PipectlError as error:
        refused = refusal and isinstance(error, AwsError) and 400 <= error.status < 500
        if not refused:
            error.hint = "; ".join(filter(None, [error.hint, f"order {key} {state}", follow]))
        raise
