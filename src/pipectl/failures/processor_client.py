"""Synchronous invocations of the processor, which continue past records that fail."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pipectl.aws.batch_responses import read_failed_positions
from pipectl.aws.client import Aws
from pipectl.aws.errors import RESERVED_LIMIT
from pipectl.aws.retry_rules import THROTTLED
from pipectl.aws.stream_records import EventRecord
from pipectl.clock import poll
from pipectl.config.names import LIVE_ALIAS
from pipectl.errors import AbsentError, AwsError
from pipectl.failures.model import FailedRecord, SequenceNumber
from pipectl.failures.reasons import reason_in

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import InvocationRequestTypeDef, InvocationResponseTypeDef

LONGEST_ERROR = 1000
LONGEST_RETRIES = 60
"""Seconds for which one call of Invoke is repeated at most, beside the time for which the function runs."""
_THROTTLED_SECONDS = 300
"""Seconds after which a throttled invocation is given up."""
_REFUSED_EVENTS = ("RequestEntityTooLargeException", "InvalidRequestContentException")
"""Error codes of Lambda for an event that is too large, or for JSON that only Python accepts, such as NaN."""
_WRONG_SHAPE = (ValueError, AttributeError, KeyError, TypeError, RecursionError)
"""Exceptions of reading an answer of another shape."""

_Answer = tuple[str | None, list[int]]
"""An invocation's error, if it failed, and the positions of the records that it reported."""


def invoke(
    aws: Aws,
    function: str,
    event: Mapping[str, object],
    before_each: Callable[[], None] = lambda: None,
    *,
    log: bool = False,
) -> InvocationResponseTypeDef:
    """Invoke a function, again and again while Lambda throttles it for reasons that pass.

    Args:
        aws: The function's account and region.
        function: Its physical name, with an alias if it has one.
        event: The event.
        before_each: Called before each try.
        log: Ask for the last 4 KB of the invocation's log, too.
    """
    request: InvocationRequestTypeDef = {"FunctionName": function, "Payload": json.dumps(event).encode()}
    if log:
        request["LogType"] = "Tail"
    for waited in poll(aws.clock, _THROTTLED_SECONDS):
        before_each()
        try:
            return aws.invoker.invoke(**request)
        except AbsentError as error:
            error.hint = error.hint or "`pipectl up` creates what is missing"
            raise
        except AwsError as error:
            passes = error.aws_code in THROTTLED and RESERVED_LIMIT not in error.aws_message
            if not passes or waited >= _THROTTLED_SECONDS:
                raise
    raise AssertionError("the last try returns or raises")


class _Sizes:
    """Numbers of records of the invocations for one batch.

    Args:
        records: Number of records of the batch.

    Attributes:
        next: Number of records of the next invocation.
    """

    def __init__(self, records: int) -> None:
        self._records = records
        self._largest = records
        self._failures = 0
        self.next = records

    def note(self, records: int, *, raised: bool, found: bool) -> None:
        """Note an invocation.

        Args:
            records: Number of its records.
            raised: It failed as a whole.
            found: Its first record fails.
        """
        if found:
            self._largest = self._records
            self._failures += 1
            if self._failures > 1:
                self.next = max(1, records // 2)
        elif raised:
            self.next = self._largest = records // 2
        else:
            self._failures = 0
            self.next = min(self._largest, 2 * self.next)


class ProcessorClient:
    """Invokes the version of the processor that is in use.

    Args:
        aws: The function's account and region.
        function: Its physical name.
        overwrite: Replace objects that exist.
        limit: Called with the number of records before each invocation; waits while there were too many.
    """

    def __init__(
        self,
        aws: Aws,
        function: str,
        *,
        overwrite: bool = False,
        limit: Callable[[int], None] = lambda _records: None,
    ) -> None:
        self._aws = aws
        self._function = function
        self._overwrite = overwrite
        self._limit = limit

    def process(
        self, events: Sequence[EventRecord], before_each: Callable[[], None] = lambda: None
    ) -> list[FailedRecord]:
        """Process a batch and return the records that fail, each with the error of its own invocation.

        The processor attempts every record of a batch, and raises when the first one fails. So when an invocation
        fails, its first record is tried alone, and those behind it follow. Invocations become smaller while they fail
        and larger while they succeed: a batch that fails completely takes hardly more invocations than it has
        records. When the first record is not the cause (a time-out, a crash), they stay small until the cause is
        found. In a partial batch response, only the records before the first one reported count as done, as Lambda
        has it, because a handler may stop there.

        Args:
            events: The batch.
            before_each: Called before each try of an invocation.
        """
        failed, left, sizes = list[FailedRecord](), deque(events), _Sizes(len(events))
        while left:
            batch = [left.popleft() for _ in range(min(sizes.next, len(left)))]
            error, reported = self._invoke(batch, before_each)
            if len(batch) == 1:
                found = _failed(batch[0], error, reported)
            elif error is not None:
                found = self._alone(batch[0], before_each)
                left.extendleft(reversed(batch[1:]))
            else:
                found = []
                for position in reported:
                    failed += self._alone(batch[position], before_each)
                behind = range(len(batch) - 1, reported[0], -1) if reported else ()
                left.extendleft(batch[position] for position in behind if position not in reported)
            failed += found
            sizes.note(len(batch), raised=error is not None, found=bool(found))
        return sorted(failed, key=lambda each: each.sequence_number)

    def _alone(self, event: EventRecord, before_each: Callable[[], None]) -> list[FailedRecord]:
        return _failed(event, *self._invoke([event], before_each))

    def _invoke(self, events: Sequence[EventRecord], before_each: Callable[[], None]) -> _Answer:
        event: dict[str, object] = {"Records": list(events)}
        if self._overwrite:
            event["overwrite"] = True
        self._limit(len(events))
        try:
            answer = invoke(self._aws, f"{self._function}:{LIVE_ALIAS}", event, before_each)
        except AwsError as error:
            if error.aws_code not in _REFUSED_EVENTS:
                raise
            return error.message, []
        payload = answer["Payload"].read()
        if kind := answer.get("FunctionError"):
            return function_error(payload, kind), []
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


def function_error(payload: bytes, kind: str) -> str:
    """Return the error of a function from its answer; its kind where the answer has none."""
    try:
        answer = json.loads(payload)
        parts = [str(answer[key]) for key in ("errorType", "errorMessage") if answer.get(key)]
    except _WRONG_SHAPE:
        parts = [payload[:500].decode(errors="replace")]
    return reason_in(": ".join(parts)) or kind
