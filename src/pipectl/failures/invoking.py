"""Give records to the processor again, and go on past those that fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pipectl.aws.client import Aws
from pipectl.aws.stream_records import EventRecord, sequence_number
from pipectl.errors import AwsError

T = TypeVar("T")

LONGEST_ERROR = 1000
LARGEST_PAYLOAD = 5_500_000
"""Bytes of one event; Lambda takes 6 MB. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""
_OF_THE_RECORDS = ("RequestTooLargeException", "InvalidRequestContentException")
"""What Lambda says to an event that is too large, or to JSON that only Python takes for some, such as NaN."""
_NO_ANSWER = (ValueError, AttributeError, KeyError, TypeError, RecursionError)
"""What reading an answer of another shape raises."""


@dataclass(frozen=True)
class Failing:
    """A record that failed again: its sequence number, its keys, and the function's own error.

    ``written`` is the sequence number as DynamoDB writes it, with leading zeros.
    """

    sequence_number: int
    keys: Any
    error: str
    written: str


@dataclass(frozen=True)
class _Answer:
    """What an invocation said: its error, or the positions of the records that it reported."""

    error: str | None
    reported: tuple[int, ...] = ()


class Invoker:
    """Invokes the processor synchronously.

    Args:
        aws: Where it is.
        function: Its physical name.
        overwrite: Tell it to replace the objects that are there already.
    """

    def __init__(self, aws: Aws, function: str, *, overwrite: bool = False) -> None:
        self._aws = aws
        self._function = function
        self._overwrite = overwrite

    def replay(self, records: Sequence[EventRecord], before_each: Callable[[], None] = lambda: None) -> list[Failing]:
        """Process a chunk, however its records fail; those that do, each with the error of an invocation of its own.

        The processor attempts every record of a batch, and raises when the first one fails. So when an invocation
        fails, its first record is tried alone and the rest together; when the first record was not to blame (a
        time-out, a crash), the rest is halved until the blame is found. A partial batch response is read as Lambda
        reads it: what stands before the first record reported is done, and nothing else, because a handler may stop
        there.

        Args:
            records: The chunk.
            before_each: Called before each invocation.
        """
        failing: list[Failing] = []
        stack = [list(records)]
        while stack:
            chunk = stack.pop()
            if not chunk:
                continue
            answer = self._invoke(chunk, before_each)
            if answer.error is not None and len(chunk) > 1:
                if first := self._alone(chunk[0], before_each):
                    failing += first
                    stack.append(chunk[1:])
                else:
                    middle = (len(chunk) + 1) // 2
                    stack += [chunk[middle:], chunk[1:middle]]
            elif len(chunk) == 1:
                failing += _failing(chunk[0], answer)
            elif answer.reported:
                for position in answer.reported:
                    failing += self._alone(chunk[position], before_each)
                after = range(answer.reported[0] + 1, len(chunk))
                stack.append([chunk[position] for position in after if position not in answer.reported])
        return sorted(failing, key=lambda each: each.sequence_number)

    def _alone(self, record: EventRecord, before_each: Callable[[], None]) -> list[Failing]:
        return _failing(record, self._invoke([record], before_each))

    def _invoke(self, records: Sequence[EventRecord], before_each: Callable[[], None]) -> _Answer:
        before_each()
        event: dict[str, Any] = {"Records": list(records)}
        if self._overwrite:
            event["overwrite"] = True
        try:
            answer = self._aws.invoker.invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
        except AwsError as error:
            if error.aws_code not in _OF_THE_RECORDS:
                raise
            return _Answer(error.message)
        payload = answer["Payload"].read()
        if kind := answer.get("FunctionError"):
            return _Answer(_error(payload, kind))
        return _reported(payload, records)


def chunks(records: Iterable[EventRecord], most: int) -> Iterator[list[EventRecord]]:
    """Records in chunks of at most ``most``, and of what one event can hold."""
    return chunks_of(records, most, lambda record: record)


def chunks_of(things: Iterable[T], most: int, record_of: Callable[[T], EventRecord]) -> Iterator[list[T]]:
    """The same with things that have a record each."""
    chunk: list[T] = []
    size = 0
    for thing in things:
        length = len(json.dumps(record_of(thing))) + 2
        if chunk and (len(chunk) >= most or size + length > LARGEST_PAYLOAD):
            yield chunk
            chunk, size = [], 0
        chunk.append(thing)
        size += length
    if chunk:
        yield chunk


def _failing(record: EventRecord, answer: _Answer) -> list[Failing]:
    """The record, if the answer to it alone is that it failed."""
    if answer.error is None and not answer.reported:
        return []
    error = (answer.error or "reported as failed, without an error")[:LONGEST_ERROR]
    stream = record["dynamodb"]
    return [Failing(sequence_number(record), stream.get("Keys"), error, stream["SequenceNumber"])]


def _reported(payload: bytes, records: Sequence[EventRecord]) -> _Answer:
    """A partial batch response. An identifier that names no record of the batch makes the whole of it a failure."""
    try:
        answer = json.loads(payload or b"null")
        failures = (answer or {}).get("batchItemFailures") or []
        identifiers = [failure["itemIdentifier"] for failure in failures]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return _Answer(None, tuple(sorted({numbers.index(identifier) for identifier in identifiers})))
    except _NO_ANSWER:  # ValueError: not JSON, or no record of the batch
        return _Answer(
            f"the function answered what is no partial batch response: {payload[:200].decode(errors='replace')}"
        )


def _error(payload: bytes, kind: str) -> str:
    try:
        answer = json.loads(payload)
        words = [str(answer[key]) for key in ("errorType", "errorMessage") if answer.get(key)]
    except _NO_ANSWER:
        words = [payload[:500].decode(errors="replace")]
    return ": ".join(words) or kind
