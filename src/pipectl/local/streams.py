"""The poller of DynamoDB stream event source mappings, in place of MiniStack's.

MiniStack 1.5 ignores ``MaximumRetryAttempts``, ``BisectBatchOnFunctionError`` and ``ReportBatchItemFailures`` for these
mappings, so a record that a function politely reports as failed would be lost. Once it has them, this module,
``batching``, ``failure_message`` and ``role_calls`` can go.

Modelled, per mapping: batches in the order of the stream, filters, retries, bisecting, partial batch responses, the
maximum record age (``batching`` says how), the on-failure message to an SQS queue, disabling and enabling, streams that
were closed or have a successor (a mapping reads its own ``EventSourceArn`` and nothing else), ``LastProcessingResult``
in AWS's words, and the metrics of every invocation with ``IteratorAge`` and ``DestinationDeliveryFailures``. The stream
is read and the queue is written with the credentials of the function's role, so IAM decides. With ``consolidate``,
the failures of one batch are sent as one message whose range may hold good records, as Lambda may do.

Not modelled: batching windows, tumbling windows, parallelization (one batch at a time), more than one shard, on-failure
destinations other than SQS, the delays that AWS needs for changes to a mapping, and its back-off between retries when
their number is limited. Position and retries are kept in memory: a batch under way when the server stops is lost.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from ministack.core import concurrency, lambda_runtime
from ministack.services import dynamodb, lambda_svc

from pipectl.local import metrics
from pipectl.local.batching import UNLIMITED, Batch, Failure, Outcome, Record, Settings, arrival
from pipectl.local.failure_message import failure_message
from pipectl.local.role_calls import RoleCalls

logger = logging.getLogger("pipectl.streams")

DEFAULT_BATCH_SIZE = 100
NO_ACCESS = (
    "PROBLEM: Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, "
    "and DescribeStream Actions on your stream in IAM."
)
READ_BACK_OFF = 1.0
RETRY_BACK_OFF = 0.5
"""Seconds between attempts that nothing limits: unlimited retries, and throttled invocations."""


def install(endpoint_url: str, *, consolidate: bool) -> None:
    """Replace MiniStack's poller. Call once, before the server serves."""
    lambda_svc._poll_dynamodb_streams = Poller(endpoint_url, consolidate=consolidate).poll


class Poller:
    """Looks at all mappings whenever MiniStack does, and works on each that has records in a thread of its own."""

    def __init__(self, endpoint_url: str, *, consolidate: bool) -> None:
        self._endpoint_url = endpoint_url
        self._consolidate = consolidate
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._not_before: dict[str, float] = {}

    def poll(self) -> bool:
        """Start work where there is some, and say whether there was. Never waits for it."""
        started = False
        for account_id, region, description in lambda_svc._iter_all_esms():
            mapping = Mapped(account_id, region, description)
            with metrics.scope(account_id, region):
                if mapping.enabled and self._claim(mapping):
                    concurrency.spawn_background(self._work, mapping, thread_name=f"stream-{mapping.uuid}")
                    started = True
        return started

    def _claim(self, mapping: Mapped) -> bool:
        with self._lock:
            if mapping.uuid in self._busy or time.monotonic() < self._not_before.get(mapping.uuid, 0):
                return False
            if mapping.cursor() is None or mapping.function() is None:
                return False
            self._busy.add(mapping.uuid)
            return True

    def _work(self, mapping: Mapped) -> None:
        finished = False
        try:
            finished = Worker(mapping, self._role_calls(mapping), consolidate=self._consolidate).drain()
        finally:
            with self._lock:
                self._busy.discard(mapping.uuid)
                if finished:
                    self._not_before.pop(mapping.uuid, None)
                else:
                    self._not_before[mapping.uuid] = time.monotonic() + READ_BACK_OFF
            concurrency.esm_wake.set()

    def _role_calls(self, mapping: Mapped) -> RoleCalls:
        function = mapping.function() or {}
        session = lambda_runtime.execution_credentials(function.get("config") or function)
        return RoleCalls(
            endpoint_url=self._endpoint_url,
            region=mapping.region,
            access_key=session["AWS_ACCESS_KEY_ID"],
            secret_key=session["AWS_SECRET_ACCESS_KEY"],
            session_token=session["AWS_SESSION_TOKEN"],
        )


@dataclass(frozen=True)
class Cursor:
    """Where a mapping goes on reading: MiniStack's index of the record in its stream, and its sequence number."""

    position: int
    sequence_number: str


@dataclass(frozen=True)
class Mapped:
    """A stream mapping: MiniStack's own description of it, which changes in place, seen from its account and region."""

    account_id: str
    region: str
    description: dict[str, Any]

    @property
    def uuid(self) -> str:
        return str(self.description["UUID"])

    @property
    def stream_arn(self) -> str:
        return str(self.description.get("EventSourceArn", ""))

    @property
    def enabled(self) -> bool:
        """Whether it is a stream mapping to work on; false as soon as it is disabled or deleted."""
        prefix = f"arn:aws:dynamodb:{self.region}:{self.account_id}:table/"
        deleted = lambda_svc._esms.get_scoped(self.account_id, self.region, self.uuid) is not self.description
        return self.stream_arn.startswith(prefix) and bool(self.description.get("Enabled", True)) and not deleted

    def function(self) -> dict[str, Any] | None:
        """The function as it is now, so that a fix that was deployed meanwhile is what a retry runs."""
        name, qualifier = self.description["FunctionName"], self.description.get("Qualifier")
        record, _ = lambda_svc._get_func_record_for_qualifier(name, qualifier)
        return record if record is None else dict(record)

    def cursor(self) -> Cursor | None:
        """The next record to read, looked up in memory, so that an idle mapping makes no calls; ``None`` at the end."""
        start, records = self._stream()
        with lambda_svc._dynamodb_stream_positions_lock:
            positions = lambda_svc._dynamodb_stream_positions
            if self.uuid not in positions:
                latest = self.description.get("StartingPosition") == "LATEST"
                positions[self.uuid] = start + len(records) if latest else start
            # What the stream has forgotten since is gone: go on where it begins now.
            position = max(positions[self.uuid], start)
        if position - start >= len(records):
            return None
        return Cursor(position, records[position - start]["dynamodb"]["SequenceNumber"])

    def advance(self, position: int) -> None:
        """Go on from there next time."""
        with lambda_svc._dynamodb_stream_positions_lock:
            lambda_svc._dynamodb_stream_positions[self.uuid] = position

    def _stream(self) -> tuple[int, Sequence[Record]]:
        table_name = self.stream_arn.split("/")[1]
        table = dynamodb._tables.get(table_name) or {}
        live = bool((table.get("StreamSpecification") or {}).get("StreamEnabled"))
        if live and table.get("LatestStreamArn") == self.stream_arn:
            return dynamodb.stream_start_position(table_name), dynamodb.stream_live_records(table_name)
        # A stream that was disabled, or whose table was deleted, stays readable for 24 hours.
        closed = dynamodb.closed_stream(self.stream_arn)
        return (closed["trimmed"], closed["records"]) if closed else (0, [])


class Worker:
    """Works off what a mapping's stream holds. Runs in the mapping's account and region."""

    def __init__(self, mapping: Mapped, role: RoleCalls, *, consolidate: bool) -> None:
        self._mapping = mapping
        self._role = role
        self._consolidate = consolidate

    def drain(self) -> bool:
        """Read and process batches until the stream has no more, or the mapping is disabled.

        Returns whether it came to a good end; if not, the caller waits before it tries again.
        """
        mapping, arn = self._mapping, self._mapping.stream_arn
        try:
            shard_id = self._role.shard_id(arn)
            while mapping.enabled and (cursor := mapping.cursor()):
                size = mapping.description.get("BatchSize", DEFAULT_BATCH_SIZE)
                records = self._role.read(arn, shard_id, cursor.sequence_number, size)
                if not records:
                    return False
                self._process(cursor.position, records, shard_id)
        except (ClientError, BotoCoreError) as error:
            logger.warning("Mapping %s cannot read %s: %s", mapping.uuid, arn, error)
            mapping.description["LastProcessingResult"] = NO_ACCESS.format(arn=arn)
            return False
        return True

    def _process(self, position: int, records: Sequence[Record], shard_id: str) -> None:
        mapping = self._mapping
        wanted = {id(record) for record in lambda_svc._apply_filter_criteria(list(records), mapping.description)}
        places = [position + place for place, record in enumerate(records) if id(record) in wanted]
        batch = Batch([record for record in records if id(record) in wanted], consolidate=self._consolidate)
        places.append(position + len(records))
        while mapping.enabled:
            settings = Settings.of(mapping.description)
            unit = batch.next_unit(settings, time.time())
            if unit is None:
                break
            before = batch.settled
            outcome = self._invoke(batch.records[unit.start : unit.stop])
            batch.settle(outcome, settings)
            self._report(batch.take_failures(), shard_id)
            mapping.advance(places[batch.settled])
            if batch.settled == before and (outcome.throttled or settings.max_retries == UNLIMITED):
                time.sleep(RETRY_BACK_OFF)
        self._report(batch.take_failures(abandon=True), shard_id)
        mapping.advance(places[batch.settled])

    def _invoke(self, records: Sequence[Record]) -> Outcome:
        mapping = self._mapping
        function = mapping.function()
        if function is None:
            mapping.description["LastProcessingResult"] = "PROBLEM: Function not found"
            return Outcome(throttled=True)
        name = mapping.description["FunctionName"]
        metrics.record("IteratorAge", max(0.0, time.time() - arrival(records[-1])) * 1000, "Milliseconds", name)
        with metrics.by_poller():
            result: Mapping[str, Any] = lambda_svc._execute_function(function, {"Records": list(records)})
        throttled, raised = bool(result.get("throttle")), bool(result.get("error"))
        mapping.description["LastProcessingResult"] = "PROBLEM: Function call failed" if raised or throttled else "OK"
        logger.info("Mapping %s: %d records to %s: %s", mapping.uuid, len(records), name, "failed" if raised else "OK")
        return Outcome(payload=result.get("body"), raised=raised and not throttled, throttled=throttled)

    def _report(self, failures: Sequence[Failure], shard_id: str) -> None:
        """Tell the on-failure destination. What cannot be delivered is dropped, and counted, as on AWS."""
        description = self._mapping.description
        destination = ((description.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if not destination:
            return
        for failure in failures:
            message = failure_message(
                failure,
                function_arn=description["FunctionArn"],
                stream_arn=self._mapping.stream_arn,
                shard_id=shard_id,
                now=time.time(),
            )
            try:
                self._role.send(destination, json.dumps(message))
            except (ClientError, BotoCoreError) as error:
                logger.warning("Mapping %s drops a failure: %s", self._mapping.uuid, error)
                metrics.record("DestinationDeliveryFailures", 1, "Count", description["FunctionName"])
