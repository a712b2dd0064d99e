"""Synchronous invocations of the processor, which continue past records that fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from pipectl.aws.batch_responses import read_failed_positions
from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord
from pipectl.errors import AwsError
from pipectl.failures.model import FailedRecord, SequenceNumber

LONGEST_ERROR = 1000
_REFUSED_EVENTS = ("RequestEntityTooLargeException", "InvalidRequestContentException")
"""Error codes of Lambda for an event that is too large, or for JSON that only Python accepts, such as NaN."""
_WRONG_SHAPE = (ValueError, AttributeError, KeyError, TypeError, RecursionError)
"""Exceptions of reading an answer of another shape."""

_Answer = tuple[str | None, list[int]]
"""An invocation's error, if it failed, and the positions of the records that it reported."""


class ProcessorClient:
    """Invokes the processor.

    Args:
        aws: The function's account and region.
        function: Its physical name.
        overwrite: Replace objects that exist.
    """

    def __init__(self, aws: Aws, function: str, *, overwrite: bool = False) -> None:
        self._aws = aws
        self._function = function
        self._overwrite = overwrite

    def process(
        self, events: Sequence[EventRecord], before_each: Callable[[], None] = lambda: None
    ) -> list[FailedRecord]:
        """Process a batch and return the records that fail, each with the error of its own invocation.

        The processor attempts every record of a batch, and raises when the first one fails. So when an invocation
        fails, its first record is tried alone and the rest together; when the first record is not the cause (a
        time-out, a crash), the rest is halved until the cause is found. In a partial batch response, only the records
        before the first one reported count as done, as Lambda has it, because a handler may stop there.

        Args:
            events: The batch.
            before_each: Called before each invocation.
        """
        failed: list[FailedRecord] = []
        stack = [list(events)]
        while stack:
            batch = stack.pop()
            if not batch:
                continue
            error, reported = self._invoke(batch, before_each)
            if len(batch) == 1:
                failed += _failed(batch[0], error, reported)
            elif error is not None:
                if first := self._alone(batch[0], before_each):
                    failed += first
                    stack.append(batch[1:])
                else:
                    middle = (len(batch) + 1) // 2
                    stack += [batch[middle:], batch[1:middle]]
            elif reported:
                for position in reported:
                    failed += self._alone(batch[position], before_each)
                after = range(reported[0] + 1, len(batch))
                stack.append([batch[position] for position in after if position not in reported])
        return sorted(failed, key=lambda each: each.sequence_number)

    def _alone(self, event: EventRecord, before_each: Callable[[], None]) -> list[FailedRecord]:
        return _failed(event, *self._invoke([event], before_each))

    def _invoke(self, events: Sequence[EventRecord], before_each: Callable[[], None]) -> _Answer:
        before_each()
        event: dict[str, object] = {"Records": list(events)}
        if self._overwrite:
            event["overwrite"] = True
        try:
            answer = self._aws.invoker.invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
        except AwsError as error:
            if error.aws_code not in _REFUSED_EVENTS:
                raise
            return error.message, []
        payload = answer["Payload"].read()
        if kind := answer.get("FunctionError"):
            return _function_error(payload, kind), []
        try:
            return None, read_failed_positions(payload, [each["dynamodb"]["SequenceNumber"] for each in events])
        except ValueError as invalid:
            return str(invalid), []


def _failed(event: EventRecord, error: str | None, reported: Sequence[int]) -> list[FailedRecord]:
    """Return the record, if its own invocation says that it failed."""
    if error is None and not reported:
        return []
    reason = (error or "reported as failed, without an error")[:LONGEST_ERROR]
    return [FailedRecord(SequenceNumber.of(event), event["dynamodb"].get("Keys"), reason)]


def _function_error(payload: bytes, kind: str) -> str:
    try:
        answer = json.loads(payload)
        parts = [str(answer[key]) for key in ("errorType", "errorMessage") if answer.get(key)]
    except _WRONG_SHAPE:
        parts = [payload[:500].decode(errors="replace")]
    return ": ".join(parts) or kind
