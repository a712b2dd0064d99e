"""Give records to the processor again, and go on past those that fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipectl.aws import Aws
from pipectl.stream_records import EventRecord, sequence_number

LARGEST_PAYLOAD = 5_500_000
"""Bytes of one event; Lambda takes 6 MB. Source: "Lambda quotas" in the AWS Lambda Developer Guide."""


@dataclass(frozen=True)
class Failing:
    """A record that failed again: its sequence number, its keys, and the function's own error."""

    sequence_number: int
    keys: Any
    error: str


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

    def replay(self, records: Sequence[EventRecord]) -> list[Failing]:
        """Process a chunk, however its records fail; those that do, each with the error of an invocation of its own.

        The processor attempts every record of a batch, and raises when the first one fails. So when an invocation
        fails, its first record is tried alone and the rest together; when the first record was not to blame (a
        time-out, a crash), the rest is halved until the blame is found.
        """
        failing: list[Failing] = []
        stack = [list(records)]
        while stack:
            chunk = stack.pop()
            if not chunk:
                continue
            answer = self._invoke(chunk)
            if answer.error is None:
                failing += [again for position in answer.reported if (again := self._alone(chunk[position]))]
            elif len(chunk) == 1:
                failing.append(_failing(chunk[0], answer.error))
            elif first := self._alone(chunk[0]):
                failing.append(first)
                stack.append(chunk[1:])
            else:
                middle = (len(chunk) + 1) // 2
                stack += [chunk[middle:], chunk[1:middle]]
        return sorted(failing, key=lambda each: each.sequence_number)

    def _alone(self, record: EventRecord) -> Failing | None:
        answer = self._invoke([record])
        if answer.error is None and not answer.reported:
            return None
        return _failing(record, answer.error or "reported as failed, without an error")

    def _invoke(self, records: Sequence[EventRecord]) -> _Answer:
        event: dict[str, Any] = {"Records": list(records)}
        if self._overwrite:
            event["overwrite"] = True
        answer = self._aws.lambda_.invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
        payload = answer["Payload"].read()
        if kind := answer.get("FunctionError"):
            return _Answer(_error(payload, kind))
        return _reported(payload, records)


def chunks(records: Iterator[EventRecord], most: int) -> Iterator[list[EventRecord]]:
    """Records in chunks of at most ``most``, and of what one event can hold."""
    chunk: list[EventRecord] = []
    size = 0
    for record in records:
        length = len(json.dumps(record)) + 2
        if chunk and (len(chunk) >= most or size + length > LARGEST_PAYLOAD):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += length
    if chunk:
        yield chunk


def _failing(record: EventRecord, error: str) -> Failing:
    return Failing(sequence_number(record), record["dynamodb"].get("Keys"), error)


def _reported(payload: bytes, records: Sequence[EventRecord]) -> _Answer:
    """A partial batch response. An identifier that names no record of the batch makes the whole of it a failure."""
    try:
        answer = json.loads(payload or b"null")
        failures = (answer or {}).get("batchItemFailures") or []
        identifiers = [failure["itemIdentifier"] for failure in failures]
        positions = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(records)}
        return _Answer(None, tuple(sorted({positions[identifier] for identifier in identifiers})))
    except (ValueError, AttributeError, KeyError, TypeError):
        return _Answer(
            f"the function answered what is no partial batch response: {payload[:200].decode(errors='replace')}"
        )


def _error(payload: bytes, kind: str) -> str:
    try:
        answer = json.loads(payload)
        words = [str(answer[key]) for key in ("errorType", "errorMessage") if answer.get(key)]
    except (ValueError, AttributeError, TypeError):
        words = [payload[:500].decode(errors="replace")]
    return ": ".join(words) or kind
