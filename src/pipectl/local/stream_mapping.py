"""The poller of DynamoDB stream mappings. It speaks public APIs alone, so it works before any emulator.

Modelled, per mapping: every shard by itself with parents before children, batches in the order of the shard, filters,
retries, bisecting, partial batch responses, the maximum record age (see ``batching``), the on-failure message
to an SQS queue, disabling and enabling, closed streams, ``LastProcessingResult`` in AWS's words, and the metrics
``IteratorAge``, once a batch has finished, and ``DestinationDeliveryFailures``. The stream is read and the queue is
written with the credentials of the function's role, so IAM decides. With ``consolidate``, the failures of one batch are
sent as one message whose range may hold good records, as Lambda may do. Empty pages are read through at once; on AWS a
shard is read four times a second.

Not modelled: batching windows, tumbling windows, parallelization (one batch at a time per shard), on-failure
destinations other than SQS, the delays that AWS needs for changes to a mapping, and its back-off between retries when
their number is limited. Positions and retries are kept in memory: a batch under way when the server stops is lost.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.aws.stream_records import EventRecord
from pipectl.local.batching import UNLIMITED, Batch, Failure, Outcome, Record, Settings, arrival, sequence_number
from pipectl.local.clients import Clients
from pipectl.local.failure_message import failure_message
from pipectl.local.filters import matching
from pipectl.local.functions import Functions, NoFunctionError
from pipectl.local.harshness import KIND, Harshness
from pipectl.local.mappings import CALL_FAILED, NO_FUNCTION, PROCESSED, EventSourceMapping
from pipectl.local.metrics import Metrics
from pipectl.local.shard_reader import Position, ShardReader

logger = logging.getLogger("pipectl.streams")

DEFAULT_BATCH_SIZE = 100
NO_ACCESS = (
    "PROBLEM: Cannot access stream {arn}. Please ensure the role can perform the GetRecords, GetShardIterator, "
    "and DescribeStream Actions on your stream in IAM."
)
IDLE_SECONDS = (0.25, 5.0)
"""The pause between two reads of a shard without records: the first, and the longest; each is twice the one before.
AWS reads four times a second. Here `EventSourceMapping.changed` announces new records."""
COLLECT_SECONDS = 0.05
"""The pause between the announcement of records and the read, so that records written one by one come together."""
READ_BACK_OFF = (0.5, 5.0)
"""The pause after a failed read: the first, and the longest."""
RETRY_BACK_OFF = 0.5
"""Seconds between attempts that nothing limits: unlimited retries, and throttled invocations."""


@dataclass(frozen=True)
class StreamMappings:
    """Objects that the threads of all stream mappings share."""

    clients: Clients
    functions: Functions
    metrics: Metrics
    harshness: Harshness = KIND

    def work(self, mapping: EventSourceMapping) -> None:
        """Work on a mapping until it is deleted."""
        _Shards(self, mapping).run()


class _Shards:
    """Keeps a thread for each shard that can be read now: its parents are finished, and it is not."""

    def __init__(self, shared: StreamMappings, mapping: EventSourceMapping) -> None:
        self._shared = shared
        self._mapping = mapping
        self._positions: dict[str, Position] = {}
        self._lock = threading.Lock()
        self._reading: set[str] = set()
        self._look_again = True
        self._pause = 0.0

    def run(self) -> None:
        mapping = self._mapping
        while not mapping.deleted:
            seen = mapping.changed.count
            if not mapping.enabled or not self._take_look_again():
                mapping.changed.wait(seen)
                continue
            if self._pause:
                mapping.changed.wait(seen, self._pause)
            try:
                self._start_threads()
            except NoFunctionError:
                mapping.last_result = NO_FUNCTION
                self.back_off()
            except (ClientError, BotoCoreError) as error:
                self.refused(error)

    def refused(self, error: Exception) -> None:
        """Note that the stream cannot be read, and try again after a pause."""
        mapping = self._mapping
        logger.warning("Mapping %s cannot read %s: %s", mapping.uuid, mapping.source_arn, error)
        mapping.last_result = NO_ACCESS.format(arn=mapping.source_arn)
        self._shared.functions.drop_session(mapping.function_arn)
        self.back_off()

    def read(self) -> None:
        """Note that a shard was read."""
        self._pause = 0.0

    def finished(self, shard_id: str) -> None:
        """Note that the thread of a shard has ended, and look at the shards again."""
        with self._lock:
            self._reading.discard(shard_id)
            self._look_again = True
        self._mapping.changed.set()

    def _take_look_again(self) -> bool:
        with self._lock:
            look, self._look_again = self._look_again, False
        return look

    def back_off(self) -> None:
        """Look at the shards again after a pause, which becomes longer each time."""
        self._pause = min(max(self._pause * 2, READ_BACK_OFF[0]), READ_BACK_OFF[1])
        self._look_again = True

    def _start_threads(self) -> None:
        mapping = self._mapping
        session = self._shared.functions.session(mapping.place, mapping.function_arn)
        streams = self._shared.clients.of_role("dynamodbstreams", mapping.place.region, session)
        described = _shards(streams, mapping.source_arn)
        readable = [
            shard_id
            for shard_id, parent in described.items()
            if shard_id not in self._reading
            and not self._position(shard_id).finished
            and (parent not in described or self._position(parent).finished)
        ]
        for shard_id in readable:
            reader = ShardReader(
                streams,
                mapping.source_arn,
                shard_id,
                self._position(shard_id),
                # Of the children of a shard that was read, nothing is skipped.
                "TRIM_HORIZON" if described[shard_id] in self._positions else mapping.description["StartingPosition"],
                self._shared.harshness.empty_pages,
            )
            with self._lock:
                self._reading.add(shard_id)
            worker = _ShardWorker(self._shared, mapping, shard_id, reader, self._position(shard_id), self)
            threading.Thread(target=worker.run, name=f"shard-{mapping.uuid}-{shard_id}", daemon=True).start()
        if not readable and not self._reading:
            self.back_off()  # a closed stream, or one whose last shard was just split

    def _position(self, shard_id: str | None) -> Position:
        return self._positions.setdefault(str(shard_id), Position())


def _shards(streams: Any, stream_arn: str) -> dict[str, str | None]:
    """Return the parent of each shard of a stream."""
    shards: dict[str, str | None] = {}
    more: dict[str, str] = {}
    while True:
        description = streams.describe_stream(StreamArn=stream_arn, **more)["StreamDescription"]
        shards |= {shard["ShardId"]: shard.get("ParentShardId") for shard in description["Shards"]}
        if not (last := description.get("LastEvaluatedShardId")):
            return shards
        more = {"ExclusiveStartShardId": last}


class _ShardWorker:
    """Reads a shard and invokes the function, until the shard ends, the mapping is disabled, or policies change."""

    def __init__(
        self,
        shared: StreamMappings,
        mapping: EventSourceMapping,
        shard_id: str,
        reader: ShardReader,
        position: Position,
        shards: _Shards,
    ) -> None:
        self._shared = shared
        self._mapping = mapping
        self._shard_id = shard_id
        self._reader = reader
        self._position = position
        self._shards = shards

    def run(self) -> None:
        try:
            self._read()
        except (ClientError, BotoCoreError) as error:
            self._shards.refused(error)
        except Exception:
            logger.exception("Shard %s of mapping %s cannot be processed", self._shard_id, self._mapping.uuid)
            self._shards.back_off()
        finally:
            self._shards.finished(self._shard_id)

    def _read(self) -> None:
        mapping, pause = self._mapping, IDLE_SECONDS[0]
        policies = mapping.policies
        while mapping.enabled and mapping.policies == policies:
            seen = mapping.changed.count
            records = self._reader.read(mapping.description.get("BatchSize", DEFAULT_BATCH_SIZE))
            self._shards.read()
            if records:
                self._process(records)
                pause = IDLE_SECONDS[0]
            elif self._reader.closed:
                self._position.finished = True
                return
            elif mapping.changed.wait(seen, pause):
                pause = IDLE_SECONDS[0]
                time.sleep(COLLECT_SECONDS)
            else:
                pause = min(pause * 2, IDLE_SECONDS[1])

    def _process(self, records: Sequence[EventRecord]) -> None:
        mapping = self._mapping
        wanted = matching(records, mapping.description.get("FilterCriteria"))
        batch = Batch(wanted, consolidate=self._shared.harshness.consolidate)
        before = _before_each(records, wanted)
        invoked = False
        while mapping.enabled:
            settings = Settings.of(mapping.description)
            unit = batch.next_unit(settings, time.time())
            if unit is None:
                if invoked:
                    self._publish_age(wanted[-1])
                break
            settled = batch.settled
            outcome = self._invoke(batch.records[unit.start : unit.stop])
            invoked = invoked or not outcome.throttled
            batch.settle(outcome, settings)
            self._report(batch.take_failures())
            self._advance(before[batch.settled])
            if batch.settled == settled and (outcome.throttled or settings.max_retries == UNLIMITED):
                mapping.changed.wait(mapping.changed.count, RETRY_BACK_OFF)
        self._report(batch.take_failures(abandon=True))
        self._advance(before[batch.settled])

    def _advance(self, settled: str | None) -> None:
        if settled is not None:
            self._position.after = settled

    def _publish_age(self, record: Record) -> None:
        """Publish the age of the last record of a batch that has finished."""
        mapping, age = self._mapping, max(0.0, time.time() - arrival(record))
        self._shared.metrics.of_function(
            mapping.place, mapping.function_name, "IteratorAge", age * 1000, "Milliseconds"
        )

    def _invoke(self, records: Sequence[Record]) -> Outcome:
        mapping = self._mapping
        try:
            answer = self._shared.functions.invoke(mapping.place, mapping.function_arn, {"Records": list(records)})
        except NoFunctionError:
            mapping.last_result = NO_FUNCTION
            return Outcome(throttled=True)
        mapping.last_result = PROCESSED if answer.succeeded else CALL_FAILED
        logger.info("Mapping %s: %d records: %s", mapping.uuid, len(records), mapping.last_result)
        return Outcome(answer.payload, answer.raised, answer.throttled, answer.version, answer.request_id)

    def _report(self, failures: Sequence[Failure]) -> None:
        """Send failures to the on-failure destination. What cannot be delivered is dropped and counted, as on AWS."""
        mapping = self._mapping
        configured = mapping.description.get("DestinationConfig") or {}
        destination = str((configured.get("OnFailure") or {}).get("Destination") or "")
        for failure in failures if destination else ():
            message = failure_message(
                failure,
                function_arn=mapping.function_arn,
                stream_arn=mapping.source_arn,
                shard_id=self._shard_id,
                now=time.time(),
            )
            try:
                self._send(destination, json.dumps(message))
            except (ClientError, BotoCoreError, NoFunctionError) as error:
                logger.warning("Mapping %s drops a failure: %s", mapping.uuid, error)
                name = mapping.function_name
                self._shared.metrics.of_function(mapping.place, name, "DestinationDeliveryFailures", 1, "Count")

    def _send(self, queue_arn: str, body: str) -> None:
        """Send a message to a queue. Its URL is put together, because the role need not be allowed ``GetQueueUrl``."""
        mapping, clients = self._mapping, self._shared.clients
        account_id, name = queue_arn.split(":")[4:6]
        session = self._shared.functions.session(mapping.place, mapping.function_arn)
        clients.of_role("sqs", mapping.place.region, session).send_message(
            QueueUrl=f"{clients.endpoint_url}/{account_id}/{name}", MessageBody=body
        )


def _before_each(records: Sequence[EventRecord], wanted: Sequence[EventRecord]) -> list[str | None]:
    """Return, for each number of wanted records that are settled, the last record that is settled with them."""
    last: str | None = None
    found: list[str | None] = []
    remaining = iter(wanted)
    following = next(remaining, None)
    for record in records:
        if record is following:
            found.append(last)
            following = next(remaining, None)
        last = sequence_number(record)
    return [*found, last]
