"""The poller of SQS queue mappings. It speaks public APIs alone, with the credentials of the function's role.

Modelled: a queue is read while the role may ``sqs:GetQueueAttributes`` and ``sqs:ReceiveMessage``, several batches at
once, filters, partial batch responses, and messages that come again, however well the function did, while the role may
not ``sqs:DeleteMessage``.

Not modelled: batching windows and FIFO queues.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipectl.aws.batch_responses import failed_positions
from pipectl.aws.queue_records import queue_record
from pipectl.local.clients import Clients
from pipectl.local.filters import matching
from pipectl.local.functions import Functions, NoFunctionError
from pipectl.local.mappings import EventSourceMapping

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger("pipectl.queues")

DEFAULT_BATCH_SIZE = 10
DEFAULT_CONCURRENCY = 5
MAX_RECEIVED = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
IDLE_SECONDS = (0.25, 5.0)
"""The pause between two looks at an empty queue: the first, and the longest; each is twice the one before."""
HIDDEN_SECONDS = 1.0
"""The longest pause while messages are delayed or in flight, for these appear without an announcement."""
ERROR_BACK_OFF = 1.0
"""The pause after a batch that failed, so that a function that always fails is not called without end."""


@dataclass(frozen=True)
class QueueMappings:
    """Objects that the threads of all queue mappings share."""

    clients: Clients
    functions: Functions

    def work(self, mapping: EventSourceMapping) -> None:
        """Work on a mapping until it is deleted."""
        _QueueWorker(self, mapping).run()


class _QueueWorker:
    def __init__(self, shared: QueueMappings, mapping: EventSourceMapping) -> None:
        self._shared = shared
        self._mapping = mapping
        account_id, name = mapping.source_arn.split(":")[4:6]
        self._queue_url = f"{shared.clients.endpoint_url}/{account_id}/{name}"
        self._lock = threading.Lock()
        self._in_flight = 0
        self._failed = False

    def run(self) -> None:
        mapping, pause = self._mapping, IDLE_SECONDS[0]
        while not mapping.deleted:
            seen = mapping.changed.count
            if not mapping.enabled or self._in_flight >= self._concurrency():
                mapping.changed.wait(seen)
                continue
            if self._take_failed():
                # Whatever comes meanwhile waits as well.
                threading.Event().wait(ERROR_BACK_OFF)
            messages, longest = self._receive()
            if messages:
                self._dispatch(messages)
                pause = IDLE_SECONDS[0]
            elif mapping.changed.wait(seen, min(pause, longest)):
                pause = IDLE_SECONDS[0]
            else:
                pause = min(pause * 2, IDLE_SECONDS[1])

    def _concurrency(self) -> int:
        return int(
            (self._mapping.description.get("ScalingConfig") or {}).get("MaximumConcurrency", DEFAULT_CONCURRENCY)
        )

    def _take_failed(self) -> bool:
        with self._lock:
            failed, self._failed = self._failed, False
        return failed

    def _receive(self) -> tuple[list[MessageTypeDef], float]:
        """Return the messages of the next batch, and without one how long to wait at most."""
        mapping = self._mapping
        try:
            sqs = self._sqs()
            names = [f"ApproximateNumberOfMessages{suffix}" for suffix in ("", "Delayed", "NotVisible")]
            counts = sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=names)["Attributes"]
            visible, *hidden = (int(counts.get(name, 0)) for name in names)
            if not visible:
                return [], HIDDEN_SECONDS if any(hidden) else IDLE_SECONDS[1]
            return self._messages(sqs), 0
        except NoFunctionError as error:
            logger.warning("Mapping %s: %s", mapping.uuid, error)
        except (ClientError, BotoCoreError) as error:
            self._refused(error)
        return [], IDLE_SECONDS[1]

    def _messages(self, sqs: Any) -> list[MessageTypeDef]:
        size = self._mapping.description.get("BatchSize", DEFAULT_BATCH_SIZE)
        messages: list[MessageTypeDef] = []
        while len(messages) < size:
            received = sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=min(size - len(messages), MAX_RECEIVED),
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            messages += received
            if len(received) < MAX_RECEIVED:
                break
        return messages

    def _refused(self, error: Exception) -> None:
        mapping = self._mapping
        logger.warning("Mapping %s cannot read %s: %s", mapping.uuid, mapping.source_arn, error)
        self._shared.functions.drop_session(mapping.function_arn)

    def _sqs(self) -> Any:
        mapping = self._mapping
        session = self._shared.functions.session(mapping.place, mapping.function_arn)
        return self._shared.clients.of_role("sqs", mapping.place.region, session)

    def _dispatch(self, messages: Sequence[MessageTypeDef]) -> None:
        with self._lock:
            self._in_flight += 1
        name = f"batch-{self._mapping.uuid}"
        threading.Thread(target=self._process, args=(messages,), name=name, daemon=True).start()

    def _process(self, messages: Sequence[MessageTypeDef]) -> None:
        mapping = self._mapping
        records = {
            message["MessageId"]: queue_record(message, mapping.source_arn, mapping.place.region)
            for message in messages
        }
        wanted = matching(list(records.values()), mapping.description.get("FilterCriteria"))
        failed = {str(record["messageId"]) for record in wanted}
        try:
            if wanted:
                failed = self._invoke(wanted)
            # Messages that match no filter are deleted as well, whatever the function did with the others.
            self._delete([message for message in messages if message["MessageId"] not in failed])
        finally:
            with self._lock:
                self._in_flight -= 1
                self._failed = self._failed or bool(failed)
            mapping.changed.set()

    def _invoke(self, records: Sequence[Mapping[str, object]]) -> set[str]:
        """Return the IDs of the messages that failed."""
        mapping = self._mapping
        identifiers = [str(record["messageId"]) for record in records]
        everything = set(identifiers)
        try:
            answer = self._shared.functions.invoke(mapping.place, mapping.function_arn, {"Records": records})
        except NoFunctionError:
            return everything
        if not answer.succeeded:
            return everything
        if "ReportBatchItemFailures" not in (mapping.description.get("FunctionResponseTypes") or ()):
            return set()
        try:
            return {identifiers[position] for position in failed_positions(answer.payload, identifiers)}
        except ValueError:
            return everything

    def _delete(self, messages: Sequence[MessageTypeDef]) -> None:
        for first in range(0, len(messages), MAX_RECEIVED):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[first : first + MAX_RECEIVED])
            ]
            try:
                self._sqs().delete_message_batch(QueueUrl=self._queue_url, Entries=entries)
            except NoFunctionError as error:
                logger.warning("Mapping %s cannot delete messages: %s", self._mapping.uuid, error)
            except (ClientError, BotoCoreError) as error:
                self._refused(error)
